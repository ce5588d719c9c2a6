//! A message of ours: as WAHA's `WAMessage` where it was handed in, and as we track it.

use serde_json::{Map, Value, json};

use super::rfc3339;
use crate::model::{Ack, Attempt, Content, Me, MessageState, OutboundMessage, Reason};

/// A message with what its answer needs to know beside it.
pub(in crate::api) struct SentMessage<'m> {
    /// The message.
    pub(in crate::api) message: &'m OutboundMessage,
    /// Who sends it, if the session was ever linked.
    pub(in crate::api) me: Option<&'m Me>,
    /// Why it does not go at once.
    pub(in crate::api) waiting: Option<&'m Reason>,
}

/// `WAMessage`. A message that was given up has the ack ERROR, as WAHA's clients expect.
pub(in crate::api) fn sent_message(sent: &SentMessage<'_>) -> Value {
    let OutboundMessage { id, chat, content, progress, .. } = sent.message;
    let given_up = matches!(progress.state, MessageState::Dead | MessageState::Cancelled | MessageState::Expired);
    let ack = if given_up { Ack(-1) } else { progress.ack };
    let mut own = Map::new();
    own.insert("kind".to_owned(), content.kind().into());
    own.insert("state".to_owned(), progress.state.as_str().into());
    if let Some(reason) = sent.waiting {
        own.insert("waiting".to_owned(), json!({ "code": reason.code, "message": reason.message }));
    }
    if let Some(error) = error(sent.message) {
        own.insert("error".to_owned(), error);
    }
    let mut body = json!({
        "id": id.public(chat),
        "timestamp": sent.message.created_at_ms / 1000,
        "from": sent.me.map_or("", |me| me.id.as_str()),
        "fromMe": true,
        "source": "api",
        "to": chat,
        "participant": "",
        "body": content.body(),
        "hasMedia": matches!(content, Content::Media(_)),
        "mediaUrl": "",
        "ack": ack,
        "ackName": ack.name(),
        "_data": own,
    });
    for (name, value) in of_kind(content) {
        body[name] = value;
    }
    body
}

/// What only some kinds have.
fn of_kind(content: &Content) -> Vec<(&'static str, Value)> {
    let mut own = Vec::new();
    if let Some(key) = content.reply_to() {
        own.push(("replyTo", json!({ "id": key.id() })));
    }
    match content {
        Content::Location(location) => own.push((
            "location",
            json!({
                "latitude": location.latitude.get().to_string(),
                "longitude": location.longitude.get().to_string(),
                "description": location.title,
            }),
        )),
        Content::Contact(contact) => {
            own.push(("vCards", contact.cards.iter().map(|card| card.vcard.as_str()).collect()));
        }
        _ => {}
    }
    own
}

/// A message as we track it. What is not known is absent.
pub(in crate::api) fn tracked_message(message: &OutboundMessage) -> Value {
    let OutboundMessage { id, session, chat, content, schedule, progress, created_at_ms } = message;
    let mut body = json!({
        "id": id.public(chat),
        "session": session,
        "chatId": chat,
        "kind": content.kind(),
        "state": progress.state,
        "ack": progress.ack,
        "ackName": progress.ack.name(),
        "priority": schedule.priority,
        "attempts": progress.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "createdAt": rfc3339(*created_at_ms),
    });
    let optional = [
        ("key", progress.key.as_ref().map(|key| key.as_str().into())),
        ("sendAt", schedule.send_at_ms.map(|at_ms| rfc3339(at_ms).into())),
        ("expiresAt", schedule.expires_at_ms.map(|at_ms| rfc3339(at_ms).into())),
        ("error", error(message)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

fn attempt(attempt: &Attempt) -> Value {
    json!({ "at": rfc3339(attempt.at_ms), "outcome": attempt.outcome, "detail": attempt.detail })
}

fn error(message: &OutboundMessage) -> Option<Value> {
    let (code, detail) = message.progress.error.as_ref()?;
    Some(json!({ "code": code, "message": detail }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptOutcome, DeadCode, MessageId, MessageKey, message::Progress, message::Schedule};

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
        let body = sent_message(&SentMessage { message: &message(), me: None, waiting: None });
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
        let body = sent_message(&SentMessage { message: &message(), me: Some(&me), waiting: Some(&reason) });
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

        let sent = sent_message(&SentMessage { message: &dead, me: None, waiting: None });
        assert_eq!((&sent["ack"], &sent["ackName"]), (&json!(-1), &json!("ERROR")));

        let tracked = tracked_message(&dead);
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
