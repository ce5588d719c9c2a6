//! The bridge's wire format: what the injected script sends through its binding and returns from its calls.
//!
//! The other half is `assets/bridge/`; the two change together.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    PageError, PageEvent, SendOutcome,
    inbound::{Arrival, Call, Edited, Incoming, PollVote, Presence, Reaction, Revoked},
};
use crate::model::{Ack, ChatId, MessageKey, Reason};

/// What resolved when the bridge attached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// The bridge's own version.
    pub bridge: String,
    /// `Debug.VERSION`.
    pub web_version: Option<String>,
    /// Capabilities without any candidate that resolves.
    pub missing: Vec<String>,
}

/// `WAWebSocketModel.Socket.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are WhatsApp Web's own")]
pub enum SocketState {
    Opening,
    Pairing,
    Unpaired,
    UnpairedIdle,
    Connected,
    Conflict,
    #[default]
    Unlaunched,
    #[serde(rename = "PROXYBLOCK")]
    ProxyBlock,
    TosBlock,
    SmbTosBlock,
    ScreenLocked,
    /// One that this version of drover does not know.
    #[serde(other)]
    Other,
}

/// `WAWebStreamModel.Stream.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are WhatsApp Web's own")]
pub enum StreamMode {
    Qr,
    Main,
    Syncing,
    #[default]
    Offline,
    Conflict,
    #[serde(rename = "PROXYBLOCK")]
    ProxyBlock,
    TosBlock,
    SmbTosBlock,
    DeprecatedVersion,
    /// One that this version of drover does not know.
    #[serde(other)]
    Other,
}

/// The page's state, read in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Snapshot {
    /// `Socket.state`.
    pub state: SocketState,
    /// Whether `Socket.stream` is CONNECTED.
    pub stream_connected: bool,
    /// `Socket.hasSynced === true`.
    pub has_synced: bool,
    /// `Stream.mode`.
    pub mode: StreamMode,
    /// `isRegistered()`: stays true while a logout clears storage.
    pub registered: bool,
    /// The account, once known.
    pub me: Option<MeSeen>,
    /// Offline delivery's progress, 0 to 99.
    pub progress: Option<u8>,
    /// `Debug.VERSION`.
    pub web_version: Option<String>,
}

impl Snapshot {
    /// Whether the page can send: synced, in its main mode and connected.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.has_synced
            && self.mode == StreamMode::Main
            && self.stream_connected
            && self.state == SocketState::Connected
    }
}

/// The account that the page is linked to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeSeen {
    /// `<digits>@c.us`.
    pub id: String,
    /// `<digits>@lid`.
    pub lid: Option<String>,
    /// `Conn.pushname`.
    pub push_name: Option<String>,
}

/// What the bridge says by itself, through its binding: `{"type": "qr", "value": ..., "ttlMs": ...}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Notice {
    /// It attached, or what it misses changed.
    Attached(Probe),
    /// The state changed.
    Status(Snapshot),
    /// A code to scan.
    Qr {
        /// The payload.
        value: String,
        /// For how much longer it lives.
        ttl_ms: u64,
    },
    /// A logout begins.
    LoggingOut,
    /// This document was loaded after a logout.
    LoggedOut {
        /// `logout_reason`.
        #[serde(default)]
        code: Option<u8>,
    },
    /// A message appeared.
    Message(Incoming),
    /// Somebody reacted.
    Reaction(Reaction),
    /// A message has a new text.
    Edited(Edited),
    /// A message was taken back.
    Revoked(Revoked),
    /// Somebody voted.
    PollVote(PollVote),
    /// A call.
    Call(Call),
    /// Somebody's presence.
    Presence(Presence),
    /// One of ours was acknowledged.
    Ack {
        /// Its key.
        key: MessageKey,
        /// The highest acknowledgement seen.
        ack: Ack,
    },
    /// One of ours was refused.
    SendFailure {
        /// Its key.
        key: MessageKey,
    },
}

impl From<Notice> for PageEvent {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Attached(probe) => Self::Attached(probe),
            Notice::Status(snapshot) => Self::Status(snapshot),
            Notice::Qr { value, ttl_ms } => Self::Qr { value, ttl: Duration::from_millis(ttl_ms) },
            Notice::LoggingOut => Self::LoggingOut,
            Notice::LoggedOut { code } => Self::LoggedOut { code },
            Notice::Message(incoming) => Self::Arrived(Box::new(Arrival::Message(incoming))),
            Notice::Reaction(reaction) => Self::Arrived(Box::new(Arrival::Reaction(reaction))),
            Notice::Edited(edited) => Self::Arrived(Box::new(Arrival::Edited(edited))),
            Notice::Revoked(revoked) => Self::Arrived(Box::new(Arrival::Revoked(revoked))),
            Notice::PollVote(vote) => Self::Arrived(Box::new(Arrival::PollVote(vote))),
            Notice::Call(call) => Self::Arrived(Box::new(Arrival::Call(call))),
            Notice::Presence(presence) => Self::Arrived(Box::new(Arrival::Presence(presence))),
            Notice::Ack { key, ack } => Self::Ack { key, ack },
            Notice::SendFailure { key } => Self::SendFailure { key },
        }
    }
}

/// What a call to the bridge answers: `{"ok": true, "value": ...}` or `{"ok": false, "kind": ..., "message": ...}`.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    ok: bool,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    kind: Refusal,
    #[serde(default)]
    message: String,
}

/// Why the bridge did not do it.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Refusal {
    /// WhatsApp Web is not loaded in this document, or not yet.
    NotLoaded,
    /// The message names the capability that is missing.
    MissingCapability,
    /// The app can make nothing of a file.
    InvalidMedia,
    /// WhatsApp Web threw, or said no.
    #[default]
    #[serde(other)]
    Refused,
}

impl Answer {
    /// The value.
    ///
    /// # Errors
    /// The bridge's refusal, or a value that is not what was asked for: then the bridge is not of this version.
    pub fn into_result<T: DeserializeOwned>(self) -> Result<T, PageError> {
        if self.ok {
            return serde_json::from_value(self.value)
                .map_err(|error| PageError::Refused(format!("the bridge's answer cannot be read: {error}")));
        }
        Err(match self.kind {
            Refusal::NotLoaded => PageError::NotLoaded,
            Refusal::MissingCapability => PageError::MissingCapability(self.message),
            Refusal::InvalidMedia => PageError::InvalidMedia(self.message),
            Refusal::Refused => PageError::Refused(self.message),
        })
    }
}

/// The bridge's `send`, `resend` and `outcome`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum SendAnswer {
    /// Nothing decided in the time given to this call: ask for the `outcome` again.
    Pending,
    /// Acknowledged.
    Sent {
        /// The highest ack seen.
        ack: Ack,
    },
    /// Refused for good.
    Rejected(Reason),
    /// Certainly not sent.
    Failed(Reason),
    /// Nobody can say.
    Unknown(Reason),
}

impl SendAnswer {
    /// The outcome; None while it is pending.
    #[must_use]
    pub fn outcome(self) -> Option<SendOutcome> {
        match self {
            Self::Pending => None,
            Self::Sent { ack } => Some(SendOutcome::Sent { ack }),
            Self::Rejected(reason) => Some(SendOutcome::Rejected(reason)),
            Self::Failed(reason) => Some(SendOutcome::Failed(reason)),
            Self::Unknown(reason) => Some(SendOutcome::Unknown(reason)),
        }
    }
}

/// The bridge's `upload` and `uploadEnd`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobAnswer {
    /// False: ask again.
    pub is_done: bool,
}

/// The bridge's `checkNumber`. A chat that cannot be written to as such (`@hosted` and the like) counts as none.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberAnswer {
    /// The chat.
    #[serde(deserialize_with = "chat_or_none")]
    pub chat: Option<ChatId>,
}

fn chat_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ChatId>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notice(json: Value) -> Notice {
        serde_json::from_value(json).expect("a notice")
    }

    #[test]
    fn notices_are_read_as_the_bridge_writes_them() {
        assert_eq!(notice(json!({"type": "loggingOut"})), Notice::LoggingOut);
        assert_eq!(notice(json!({"type": "loggedOut"})), Notice::LoggedOut { code: None });
        assert_eq!(notice(json!({"type": "loggedOut", "code": 2})), Notice::LoggedOut { code: Some(2) });
        let qr = PageEvent::from(notice(json!({"type": "qr", "value": "a,b", "ttlMs": 20_000})));
        assert_eq!(qr, PageEvent::Qr { value: "a,b".to_owned(), ttl: Duration::from_secs(20) });
        let key: MessageKey = "true_15550001111@c.us_3EB0AA".parse().expect("a key");
        assert_eq!(
            notice(json!({"type": "ack", "key": key.as_str(), "ack": 2})),
            Notice::Ack { key: key.clone(), ack: Ack(2) }
        );
        assert_eq!(notice(json!({"type": "sendFailure", "key": key.as_str()})), Notice::SendFailure { key });
        let probe = json!({"type": "attached", "bridge": "1", "webVersion": "2.3000.1", "missing": ["logout"]});
        assert!(matches!(notice(probe), Notice::Attached(probe) if probe.missing == ["logout"]));
    }

    #[test]
    fn a_snapshot_survives_states_that_nobody_here_knows() {
        let status = notice(json!({"type": "status", "state": "BRAND_NEW", "mode": "QR", "registered": false}));
        let Notice::Status(snapshot) = status else { panic!("not a status") };
        assert_eq!((snapshot.state, snapshot.mode), (SocketState::Other, StreamMode::Qr));
        assert!(!snapshot.can_send());
        let ready =
            json!({"type": "status", "state": "CONNECTED", "mode": "MAIN", "hasSynced": true, "streamConnected": true});
        assert!(matches!(notice(ready), Notice::Status(snapshot) if snapshot.can_send()));
        for state in ["PROXYBLOCK", "UNPAIRED_IDLE", "SMB_TOS_BLOCK"] {
            let status = notice(json!({"type": "status", "state": state}));
            assert!(matches!(status, Notice::Status(snapshot) if snapshot.state != SocketState::Other), "{state}");
        }
    }

    #[test]
    fn what_is_no_notice_is_an_error_and_not_a_panic() {
        for json in [json!({}), json!({"type": "new"}), json!({"type": "ack", "key": "x", "ack": 1}), json!([1])] {
            assert!(serde_json::from_value::<Notice>(json).is_err());
        }
    }

    #[test]
    fn answers_become_values_or_the_error_that_they_name() {
        let answer = |json: Value| serde_json::from_value::<Answer>(json).expect("an answer");
        assert_eq!(answer(json!({"ok": true, "value": 7})).into_result::<u8>().ok(), Some(7));
        assert!(answer(json!({"ok": true})).into_result::<()>().is_ok());
        assert!(matches!(answer(json!({"ok": true, "value": "x"})).into_result::<u8>(), Err(PageError::Refused(_))));
        let missing = json!({"ok": false, "kind": "missing_capability", "message": "send"});
        assert!(
            matches!(answer(missing).into_result::<()>(), Err(PageError::MissingCapability(name)) if name == "send")
        );
        let absent = json!({"ok": false, "kind": "not_loaded"});
        assert!(matches!(answer(absent).into_result::<()>(), Err(PageError::NotLoaded)));
        let other = json!({"ok": false, "kind": "of a later version", "message": "no"});
        assert!(matches!(answer(other).into_result::<()>(), Err(PageError::Refused(why)) if why == "no"));
    }

    #[test]
    fn send_answers_are_outcomes_unless_pending() {
        let answer = |json: Value| serde_json::from_value::<SendAnswer>(json).expect("an answer").outcome();
        assert_eq!(answer(json!({"outcome": "pending"})), None);
        assert_eq!(answer(json!({"outcome": "sent", "ack": 1})), Some(SendOutcome::Sent { ack: Ack::SERVER }));
        assert_eq!(
            answer(json!({"outcome": "unknown", "code": "no_ack", "message": "m"})),
            Some(SendOutcome::Unknown(Reason::new("no_ack", "m")))
        );
    }
}
