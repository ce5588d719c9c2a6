//! The payloads of a session's events, in WAHA's shapes.

use serde_json::{Value, json};

use crate::{
    model::{Ack, MessageKey, OutboundMessage, SessionView, WireStatus},
    page::inbound::{Call, Edited, Incoming, PollVote, Presence, Reaction, Revoked},
    page::questions::ChatSeen,
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
        "status": view.wire_status(),
        "statuses": statuses,
        "state": view.state,
        "reason": view.reason,
    })
}

/// `message` and `message.any`: a `WAMessage`.
pub(super) fn incoming(message: &Incoming) -> Value {
    let details = &message.details;
    let mut body = json!({
        "id": message.key,
        "timestamp": message.timestamp,
        "from": message.from,
        "fromMe": message.key.from_me(),
        "source": "app",
        "to": message.to,
        "participant": message.author.as_deref().unwrap_or_default(),
        "author": message.author,
        "body": message.body,
        "hasMedia": details.media.is_some(),
        "mediaUrl": "",
        "ack": message.ack,
        "ackName": message.ack.name(),
        "_data": { "type": message.kind, "notifyName": message.notify_name },
    });
    let place = details.location.as_ref().map(|place| {
        json!({
            "latitude": place.latitude.to_string(),
            "longitude": place.longitude.to_string(),
            "description": place.description,
            "live": false,
        })
    });
    let optional = [
        ("location", place),
        ("vCards", details.v_cards.as_ref().map(|cards| json!(cards))),
        ("replyTo", details.reply_to.as_ref().map(|quoted| json!(quoted))),
        ("mentionedIds", details.mentions.as_ref().map(|mentions| json!(mentions))),
        ("poll", details.poll.as_ref().map(|poll| json!(poll))),
        ("isForwarded", details.is_forwarded.map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

/// `message.reaction`
pub(super) fn reaction(reaction: &Reaction, me: &str) -> Value {
    let (from, to) = parties(&reaction.key, me);
    json!({
        "id": reaction.key,
        "timestamp": reaction.timestamp,
        "from": from,
        "fromMe": reaction.key.from_me(),
        "source": "app",
        "to": to,
        "participant": participant(&reaction.key, &reaction.from),
        "reaction": { "text": reaction.text, "messageId": reaction.target },
    })
}

/// `poll.vote`
pub(super) fn poll_vote(vote: &PollVote, me: &str) -> Value {
    let ((from, to), (poll_from, poll_to)) = (parties(&vote.key, me), parties(&vote.poll, me));
    json!({
        "vote": {
            "id": vote.key,
            "from": from,
            "to": to,
            "fromMe": vote.key.from_me(),
            "participant": participant(&vote.key, &vote.from),
            "selectedOptions": vote.options,
            "timestamp": vote.timestamp,
        },
        "poll": { "id": vote.poll, "from": poll_from, "to": poll_to, "fromMe": vote.poll.from_me() },
    })
}

/// Who wrote to whom, by a key.
fn parties<'k>(key: &'k MessageKey, me: &'k str) -> (&'k str, &'k str) {
    if key.from_me() { (me, key.remote()) } else { (key.remote(), me) }
}

/// In a group the person.
fn participant<'k>(key: &MessageKey, from: &'k str) -> &'k str {
    if key.remote().ends_with("@g.us") { from } else { "" }
}

/// `message.edited`
pub(super) fn edited(edited: &Edited) -> Value {
    let mut body = incoming(&edited.message);
    body["editedMessageId"] = json!(edited.message.key.id());
    body["id"] = json!(edited.key);
    body
}

/// `message.revoked`
pub(super) fn revoked(revoked: &Revoked, before: Option<Value>) -> Value {
    json!({
        "revokedMessageId": revoked.key.id(),
        "before": before,
        "after": incoming(&revoked.message),
        "_data": { "revokedKey": revoked.key, "by": revoked.by },
    })
}

/// `call.received`, `call.accepted`, `call.rejected`
pub(super) fn call(call: &Call) -> Value {
    json!({
        "id": call.id,
        "from": call.from,
        "timestamp": call.timestamp,
        "isVideo": call.is_video,
        "isGroup": call.is_group,
        "_data": {},
    })
}

/// `presence.update`, in WAHA's words.
pub(super) fn presence(presence: &Presence) -> Value {
    let state = match presence.state.as_str() {
        "composing" => "typing",
        "available" => "online",
        "unavailable" => "offline",
        other => other,
    };
    json!({
        "id": presence.chat,
        "presences": [{
            "participant": presence.participant,
            "lastKnownPresence": state,
            "lastSeen": presence.last_seen,
        }],
    })
}

/// A chat of the list.
pub(super) fn chat(chat: &ChatSeen) -> Value {
    json!({
        "id": chat.id,
        "name": chat.name,
        "isGroup": chat.is_group,
        "unreadCount": chat.unread_count,
        "timestamp": chat.timestamp,
        "archived": chat.is_archived,
        "lastMessage": chat.last_message.as_ref().map(incoming),
    })
}

/// `message.ack`
pub(super) fn ack(message: &OutboundMessage, me: Option<&str>, ack: Ack) -> Value {
    json!({
        "id": message.id.public(&message.chat),
        "from": me.unwrap_or_default(),
        "to": message.chat,
        "participant": "",
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
