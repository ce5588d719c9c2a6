//! A message of ours: as WAHA's `WAMessage` where it was handed in, and as we track it.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::model::{
    Ack, Attempt, AttemptOutcome, Content, DeadCode, Me, MessageState, OutboundMessage, Priority, Reason,
};

/// A message with what its answer needs to know beside it.
pub(in crate::api) struct SentMessage<'m> {
    /// The message.
    pub(in crate::api) message: &'m OutboundMessage,
    /// Who sends it, if the session was ever linked.
    pub(in crate::api) me: Option<&'m Me>,
    /// Why it does not go at once.
    pub(in crate::api) waiting: Option<&'m Reason>,
}

/// A message that was handed in: WAHA's `WAMessage`. Its `id` is final.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "true_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9", "timestamp": 1_795_000_000, "from": "4915112345678@c.us",
    "fromMe": true, "source": "api", "to": "15551234567@c.us", "participant": "", "body": "see you at ten",
    "hasMedia": false, "mediaUrl": "", "ack": 0, "ackName": "PENDING", "_data": { "kind": "text", "state": "accepted" },
}))]
pub(in crate::api) struct WAMessage {
    #[serde(flatten)]
    #[schema(inline)]
    address: Addressed,
    #[serde(flatten)]
    #[schema(inline)]
    said: Said,
    ack: Ack,
    #[serde(rename = "ackName")]
    #[schema(example = "PENDING")]
    ack_name: &'static str,
    /// What drover knows beside.
    #[serde(rename = "_data")]
    data: Own,
}

/// Which message, from whom to whom.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Addressed {
    id: String,
    /// Unix time in seconds.
    timestamp: i64,
    /// The account; empty before the first link.
    from: String,
    from_me: bool,
    #[schema(example = "api")]
    source: &'static str,
    to: String,
    /// Who wrote in a group; empty here.
    participant: &'static str,
}

/// What it says.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Said {
    body: String,
    has_media: bool,
    /// Empty here.
    media_url: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<ReplyTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Place>,
    #[serde(rename = "vCards", skip_serializing_if = "Option::is_none")]
    vcards: Option<Vec<String>>,
}

/// The message that is answered.
#[derive(Serialize, ToSchema)]
struct ReplyTo {
    id: String,
    /// Always false: what is answered is not looked at when a message is taken over.
    #[serde(rename = "hasMedia")]
    has_media: bool,
}

/// A place, its degrees as text.
#[derive(Serialize, ToSchema)]
struct Place {
    latitude: String,
    longitude: String,
    description: String,
    /// Always false: a place that moves is not sent.
    live: bool,
}

/// What drover knows of a message beside WAHA's fields.
#[derive(Serialize, ToSchema)]
#[schema(as = WAMessageData)]
struct Own {
    #[schema(example = "text")]
    kind: &'static str,
    state: MessageState,
    /// Why it does not go at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<MessageError>,
}

/// Why a message was given up.
#[derive(Serialize, ToSchema)]
struct MessageError {
    code: DeadCode,
    message: String,
}

/// `WAMessage`. A message that was given up has the ack ERROR, as WAHA's clients expect.
pub(in crate::api) fn sent_message(sent: &SentMessage<'_>) -> WAMessage {
    let OutboundMessage { id, chat, content, progress, .. } = sent.message;
    let given_up = matches!(progress.state, MessageState::Dead | MessageState::Cancelled | MessageState::Expired);
    let ack = if given_up { Ack(-1) } else { progress.ack };
    WAMessage {
        address: Addressed {
            id: id.public(chat).to_string(),
            timestamp: sent.message.created_at_ms / 1000,
            from: sent.me.map_or_else(String::new, |me| me.id.clone()),
            from_me: true,
            source: "api",
            to: chat.to_string(),
            participant: "",
        },
        said: said(content),
        ack,
        ack_name: ack.name(),
        data: Own {
            kind: content.kind(),
            state: progress.state,
            waiting: sent.waiting.cloned(),
            error: error(sent.message),
        },
    }
}

fn said(content: &Content) -> Said {
    let location = match content {
        Content::Location(location) => Some(Place {
            latitude: location.latitude.get().to_string(),
            longitude: location.longitude.get().to_string(),
            description: location.title.clone(),
            live: false,
        }),
        _ => None,
    };
    let vcards = match content {
        Content::Contact(contact) => Some(contact.cards.iter().map(|card| card.vcard.clone()).collect()),
        _ => None,
    };
    Said {
        body: content.body().to_owned(),
        has_media: matches!(content, Content::Media(_)),
        media_url: "",
        reply_to: content.reply_to().map(|key| ReplyTo { id: key.id().to_owned(), has_media: false }),
        location,
        vcards,
    }
}

/// A message as drover tracks it. What is not known is absent.
#[derive(Serialize, ToSchema)]
#[schema(as = Message, example = json!({
    "id": "true_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9", "session": "main", "chatId": "15551234567@c.us",
    "kind": "text", "state": "sent", "ack": 1, "ackName": "SERVER", "priority": "normal",
    "key": "true_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9",
    "attempts": [{ "at": "2026-11-18T11:06:41.000Z", "outcome": "sent", "detail": null }],
    "createdAt": "2026-11-18T11:06:40.000Z",
}))]
pub(in crate::api) struct TrackedMessage {
    #[serde(flatten)]
    #[schema(inline)]
    which: Which,
    #[serde(flatten)]
    #[schema(inline)]
    standing: Standing,
    #[serde(flatten)]
    #[schema(inline)]
    times: Times,
}

/// Which message, and what it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Which {
    id: String,
    /// The page's full key, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    session: String,
    chat_id: String,
    #[schema(example = "text")]
    kind: &'static str,
    priority: Priority,
}

/// How far it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Standing {
    state: MessageState,
    ack: Ack,
    #[schema(example = "SERVER")]
    ack_name: &'static str,
    attempts: Vec<ShownAttempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<MessageError>,
}

/// When it was handed in, and when it may go. RFC 3339.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Times {
    #[schema(format = DateTime)]
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    send_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A try at sending.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
struct ShownAttempt {
    /// RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// null while it is under way.
    outcome: Option<AttemptOutcome>,
    detail: Option<String>,
}

/// A message as we track it.
pub(in crate::api) fn tracked_message(message: &OutboundMessage) -> TrackedMessage {
    let OutboundMessage { id, session, chat, content, schedule, progress, created_at_ms } = message;
    TrackedMessage {
        which: Which {
            id: id.public(chat).to_string(),
            key: progress.key.as_ref().map(|key| key.as_str().to_owned()),
            session: session.to_string(),
            chat_id: chat.to_string(),
            kind: content.kind(),
            priority: schedule.priority,
        },
        standing: Standing {
            state: progress.state,
            ack: progress.ack,
            ack_name: progress.ack.name(),
            attempts: progress.attempts.iter().map(attempt).collect(),
            error: error(message),
        },
        times: Times {
            created_at: rfc3339(*created_at_ms),
            send_at: schedule.send_at_ms.map(rfc3339),
            expires_at: schedule.expires_at_ms.map(rfc3339),
        },
    }
}

fn attempt(attempt: &Attempt) -> ShownAttempt {
    ShownAttempt { at: rfc3339(attempt.at_ms), outcome: attempt.outcome, detail: attempt.detail.clone() }
}

fn error(message: &OutboundMessage) -> Option<MessageError> {
    let (code, detail) = message.progress.error.as_ref()?;
    Some(MessageError { code: *code, message: detail.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MessageId, MessageKey, message::Progress, message::Schedule};
    use serde_json::json;

    fn message() -> OutboundMessage {
        OutboundMessage {
            id: "3EB0A1B2C3D4E5F6A7B8C9".parse::<MessageId>().expect("an id"),
            session: "main".parse().expect("a name"),
            chat: "15551234567".parse().expect("a chat"),
            content: Content::text("see you at ten"),
            schedule: Schedule::default(),
            progress: Progress::accepted(),
            created_at_ms: 1_795_000_000_123,
        }
    }

    #[test]
    fn what_wahas_clients_require_is_never_missing() {
        let body = json!(sent_message(&SentMessage { message: &message(), me: None, waiting: None }));
        let expected = json!({
            "id": "true_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9",
            "timestamp": 1_795_000_000,
            "from": "",
            "fromMe": true,
            "source": "api",
            "to": "15551234567@c.us",
            "participant": "",
            "body": "see you at ten",
            "hasMedia": false,
            "mediaUrl": "",
            "ack": 0,
            "ackName": "PENDING",
            "_data": { "kind": "text", "state": "accepted" },
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_message_that_waits_says_why() {
        let reason = Reason::new("not_linked", "scan the QR first");
        let me = Me { id: "4915112345678@c.us".to_owned(), lid: None, push_name: "We".to_owned() };
        let body = json!(sent_message(&SentMessage { message: &message(), me: Some(&me), waiting: Some(&reason) }));
        assert_eq!(body["from"], "4915112345678@c.us");
        assert_eq!(body["_data"]["waiting"], json!({ "code": "not_linked", "message": "scan the QR first" }));
    }

    #[test]
    fn a_message_that_was_given_up_has_an_error_and_its_history() {
        let mut dead = message();
        let key: MessageKey = "true_99@lid_3EB0A1B2C3D4E5F6A7B8C9".parse().expect("a key");
        dead.progress.state = MessageState::Dead;
        dead.progress.key = Some(key.clone());
        dead.progress.error = Some((DeadCode::Refused, "the server said no".to_owned()));
        let outcome = Some(AttemptOutcome::Rejected);
        dead.progress.attempts = vec![Attempt { number: 1, at_ms: 0, key, outcome, detail: None }];
        dead.schedule.expires_at_ms = Some(1_795_000_000_000);

        let sent = json!(sent_message(&SentMessage { message: &dead, me: None, waiting: None }));
        assert_eq!((&sent["ack"], &sent["ackName"]), (&json!(-1), &json!("ERROR")));

        let tracked = json!(tracked_message(&dead));
        assert_eq!(tracked["key"], "true_99@lid_3EB0A1B2C3D4E5F6A7B8C9");
        assert_eq!(tracked["state"], "dead");
        assert_eq!(tracked["error"], json!({ "code": "refused", "message": "the server said no" }));
        assert_eq!(tracked["expiresAt"], "2026-11-18T11:06:40.000Z");
        assert_eq!(
            tracked["attempts"],
            json!([{ "at": "1970-01-01T00:00:00.000Z", "outcome": "rejected", "detail": null }])
        );
        assert!(tracked.get("sendAt").is_none());
    }
}
