//! What a webhook answers: `{"reply": {...}}` has a message queued in the event's session, through the outbox like any other.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    model::{Content, Event, SessionName, message::Schedule, without_value},
    outbox::{AcceptError, AcceptOptions, AcceptRequest},
};

/// A message that a webhook asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reply {
    text: String,
    /// Without one: the chat of the event.
    chat_id: Option<String>,
    /// A bot may say the same twice: unlike a send, a reply is refused as a repetition only when it asks for that.
    allow_duplicate: Option<bool>,
}

/// The reply in an answer, if there is one; if it is wrong, why. What is no JSON, or has no `reply`, asks for nothing.
pub(super) fn read(answer: &[u8]) -> Option<Result<Reply, String>> {
    let mut answer: Value = serde_json::from_slice(answer).ok()?;
    let reply = answer.get_mut("reply").map(Value::take).filter(|reply| !reply.is_null())?;
    Some(serde_path_to_error::deserialize(reply).map_err(|error| {
        let path = format!("reply.{}", error.path());
        format!("{}: {}", path.trim_end_matches(['.', '?']), without_value(&error.into_inner().to_string()))
    }))
}

impl Reply {
    /// As the outbox takes it. `id` is the delivery's: however often it is tried, one message comes of it.
    pub(super) fn request(&self, event: &Event, id: &str) -> Result<AcceptRequest, String> {
        let chat = match &self.chat_id {
            Some(chat) => chat.clone(),
            None => chat_of(&event.event.payload)
                .ok_or_else(|| format!("reply.chatId: {} is of no chat; name one", event.event.kind.as_str()))?,
        };
        let session: SessionName = event.event.session.clone();
        Ok(AcceptRequest {
            session,
            chat,
            content: Content::text(&self.text),
            schedule: Schedule::default(),
            options: AcceptOptions {
                idempotency_key: Some(format!("webhook:{id}")),
                allow_duplicate: self.allow_duplicate.unwrap_or(true),
                id: None,
            },
        })
    }
}

/// The chat that an event is about.
fn chat_of(payload: &Value) -> Option<String> {
    let is_ours = payload.get("fromMe").and_then(Value::as_bool).unwrap_or(false);
    let names = if is_ours { ["to", "chatId"] } else { ["from", "chatId"] };
    let texts = names.iter().filter_map(|name| payload.get(name).and_then(Value::as_str));
    texts.filter(|text| !text.is_empty()).map(str::to_owned).next()
}

/// What became of a reply that the outbox saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is queued, now or by an earlier try.
    Queued,
    /// It will not be.
    Refused,
    /// Nobody knows yet: it is handed in again.
    NotYet,
}

/// What an answer of the outbox means.
pub(super) fn taken(error: &AcceptError) -> Taken {
    match error {
        // An earlier try of the same delivery was answered with another text: one message is enough.
        AcceptError::IdempotencyConflict => Taken::Queued,
        AcceptError::UnknownSession(_) | AcceptError::InvalidField { .. } | AcceptError::DuplicateMessage { .. } => {
            Taken::Refused
        }
        AcceptError::RateLimited { .. } | AcceptError::Store(_) => Taken::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{EventKind, NewEvent};

    fn event(payload: Value) -> Event {
        let session = "main".parse().expect("a name");
        Event { seq: 1, at_ms: 0, event: NewEvent { kind: EventKind::Message, session, payload } }
    }

    fn chat(payload: Value) -> Result<String, String> {
        let reply = read(br#"{"reply": {"text": "hello"}}"#).expect("there is one").expect("it is good");
        reply.request(&event(payload), "dlv_1").map(|request| request.chat)
    }

    #[test]
    fn only_a_reply_asks_for_a_message() {
        for nothing in ["", "OK", "{}", "null", "[]", r#"{"reply": null}"#, "\"reply\"", "\u{ff}"] {
            assert_eq!(read(nothing.as_bytes()), None, "{nothing}");
        }
        for (wrong, named) in [
            (r#"{"reply": {}}"#, "text"),
            (r#"{"reply": "hello"}"#, "reply"),
            (r#"{"reply": {"text": 5}}"#, "reply.text"),
            (r#"{"reply": {"text": "x", "image": "y"}}"#, "image"),
        ] {
            let why = read(wrong.as_bytes()).expect("there is one").expect_err(wrong);
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn it_goes_to_the_chat_of_the_event_unless_it_names_one() {
        assert_eq!(chat(json!({ "from": "1@c.us", "to": "2@c.us", "fromMe": false })), Ok("1@c.us".to_owned()));
        assert_eq!(chat(json!({ "from": "1@c.us", "to": "2@c.us", "fromMe": true })), Ok("2@c.us".to_owned()));
        assert!(chat(json!({ "name": "main" })).expect_err("no chat").contains("reply.chatId"));
        let named = read(br#"{"reply": {"text": "hello", "chatId": "15551234567"}}"#).expect("one").expect("good");
        let request = named.request(&event(json!({})), "dlv_1").expect("it is complete");
        assert_eq!(request.chat, "15551234567");
        assert_eq!(request.options.idempotency_key.as_deref(), Some("webhook:dlv_1"));
    }
}
