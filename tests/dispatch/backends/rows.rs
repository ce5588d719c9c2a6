//! Rows to begin with.

use drover::{
    model::{
        ChatId, Content, Desired, MessageId, OutboundMessage, SessionName, SessionRecord, SessionState, message::*,
    },
    store::NewMessage,
};

pub(crate) fn session(name: &str) -> SessionRecord {
    SessionRecord {
        name: name.parse().expect("a name"),
        desired: Desired::Running,
        state: SessionState::Stopped,
        reason: None,
        me: None,
        config: serde_json::json!({}),
        web_version: None,
        created_at_ms: 1,
    }
}

/// A message that was just accepted.
pub(crate) fn message(session: &SessionName, chat: &str, body: &str, at_ms: i64) -> OutboundMessage {
    OutboundMessage {
        id: MessageId::choose(),
        session: session.clone(),
        chat: chat.parse::<ChatId>().expect("a chat"),
        content: Content::text(body),
        schedule: Schedule::default(),
        progress: Progress::accepted(),
        created_at_ms: at_ms,
    }
}

/// It, as it is handed in: without a key, and free to be repeated.
pub(crate) fn new(message: &OutboundMessage) -> NewMessage {
    NewMessage {
        message: message.clone(),
        accepted_by: "test".to_owned(),
        idempotency_key: None,
        fingerprint: format!("{}|{:?}", message.chat, message.content),
        duplicate_since_ms: None,
    }
}
