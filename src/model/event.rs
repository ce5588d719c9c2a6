//! What happened, for whoever listens: names and envelope.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::SessionName;

// Each name is one token (`tt`): behind a `literal`, the document's derive does not see it.
macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:tt,)*) => {
        /// The kind of an event; the names are WAHA's where WAHA has one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl EventKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire and in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

event_kinds! {
    /// A session's state changed.
    SessionStatus = "session.status",
    /// A session that still sends got worse, or well again.
    SessionDegraded = "session.degraded",
    /// A session sleeps: its browser is closed, its login kept.
    SessionHibernated = "session.hibernated",
    /// A session that slept is ready again.
    SessionWoken = "session.woken",
    /// A session crashed, or was recycled, too often: its restarts wait.
    SessionQuarantined = "session.quarantined",
    /// Memory gets scarce; of the session that holds most.
    MemoryWarning = "memory.warning",
    /// Memory is scarce: sessions are put to sleep; of the session that holds most.
    MemoryCritical = "memory.critical",
    /// A new QR to scan.
    Qr = "qr",
    /// The page loads or syncs; with a percentage.
    Loading = "loading",
    /// Somebody wrote.
    Message = "message",
    /// A message in either direction.
    MessageAny = "message.any",
    /// A message of ours was acknowledged.
    MessageAck = "message.ack",
    /// A message was edited.
    MessageEdited = "message.edited",
    /// A message was revoked.
    MessageRevoked = "message.revoked",
    /// Somebody reacted to a message, or took a reaction back.
    MessageReaction = "message.reaction",
    /// Somebody voted in a poll.
    PollVote = "poll.vote",
    /// A call rings.
    CallReceived = "call.received",
    /// A call was taken.
    CallAccepted = "call.accepted",
    /// A call ended without being taken.
    CallRejected = "call.rejected",
    /// Somebody whose presence is watched came, went or types.
    PresenceUpdate = "presence.update",
    /// A message could not be sent, and is tried again.
    MessageFailed = "message.failed",
    /// A message was given up.
    MessageDead = "message.dead",
    /// A queue was paused.
    QueuePaused = "queue.paused",
    /// A queue goes on.
    QueueResumed = "queue.resumed",
    /// A session's circuit opened or closed.
    QueueCircuit = "queue.circuit",
    /// A capability of the bridge is missing.
    BridgeDegraded = "bridge.degraded",
    /// WhatsApp Web's version changed.
    WebVersion = "web.version",
    /// A problem that a person should know of, or the end of one.
    Alert = "alert",
}

impl std::str::FromStr for EventKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no kind of event; docs/events.md lists them"))
    }
}

/// Something that happened and is not stored yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What.
    pub kind: EventKind,
    /// To which session.
    pub session: SessionName,
    /// The payload, as the wire has it.
    pub payload: Value,
}

/// Something that happened, persisted.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number: rises by at least one from event to event.
    pub seq: i64,
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// What, to whom, with what.
    pub event: NewEvent,
}

impl Event {
    /// WAHA's id of an event.
    #[must_use]
    pub fn public_id(&self) -> String {
        format!("evt_{:020}", self.seq)
    }
}
