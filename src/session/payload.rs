//! The payloads of a session's events, in WAHA's shapes.

use serde_json::{Value, json};

use crate::{
    model::{Ack, OutboundMessage, SessionView, WireStatus},
    page::Incoming,
};

/// One line of a session's recent statuses.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct PastStatus {
    pub(super) status: WireStatus,
    /// Unix milliseconds.
    pub(super) timestamp: i64,
}

/// `session.status`
pub(super) fn session_status(view: &SessionView, statuses: &[PastStatus]) -> Value {
    json!({
        "name": view.name,
        "status": view.state.wire_status(),
        "statuses": statuses,
        "state": view.state,
        "reason": view.reason,
    })
}

/// `message` and `message.any`: a `WAMessage`.
pub(super) fn incoming(message: &Incoming) -> Value {
    json!({
        "id": message.key,
        "timestamp": message.timestamp,
        "from": message.from,
        "fromMe": message.key.from_me(),
        "source": "app",
        "to": message.to,
        "participant": message.author.as_deref().unwrap_or_default(),
        "author": message.author,
        "body": message.body,
        "hasMedia": false,
        "mediaUrl": "",
        "ack": message.ack,
        "ackName": message.ack.name(),
        "_data": { "type": message.kind, "notifyName": message.notify_name },
    })
}

/// `message.ack`
pub(super) fn ack(message: &OutboundMessage, me: Option<&str>, ack: Ack) -> Value {
    json!({
        "id": message.id.public(&message.chat),
        "from": me.unwrap_or_default(),
        "to": message.chat,
        "fromMe": true,
        "ack": ack,
        "ackName": ack.name(),
    })
}

/// `message.failed` and `message.dead`
pub(super) fn trouble(message: &OutboundMessage, code: &str, detail: &str) -> Value {
    json!({
        "id": message.id.public(&message.chat),
        "chatId": message.chat,
        "kind": message.content.kind(),
        "error": { "code": code, "message": detail },
    })
}
