//! Messages to and from every session, and the ledger of what was accepted.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Session, Soak};
use crate::support::Drover;

/// Between two messages of a session.
const PACE: Duration = Duration::from_secs(1);
/// How many chats a session writes to in turn.
const CHATS: u64 = 3;
/// Who writes to the sessions.
const FRIEND: &str = "15559990009";

/// A message that drover has promised to deliver.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) chat: String,
    pub(super) text: String,
}

/// What happened to one session's messages.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accepted: Mutex<Vec<Accepted>>,
    refused: Mutex<Vec<String>>,
    /// What the friend wrote to it.
    written: Mutex<Vec<String>>,
}

impl Ledger {
    /// Hands a text in; its id when it was accepted.
    pub(super) fn send(&self, drover: &Drover<'_>, session: &str, chat: &str, text: &str) -> Option<String> {
        let body = json!({"session": session, "chatId": chat, "text": text}).to_string();
        let header = [("content-type", "application/json")];
        match drover.api().try_request("POST", "/api/sendText", &header, Some(&body)) {
            Ok(reply) if reply.status == 201 => {
                let accepted = Accepted { chat: chat.to_owned(), text: text.to_owned() };
                self.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(accepted);
                reply.json()["id"].as_str().map(str::to_owned)
            }
            Ok(reply) => self.note_refusal(format!("{text}: {reply:?}")),
            Err(error) => self.note_refusal(format!("{text}: {error}")),
        }
    }

    fn note_refusal(&self, refusal: String) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(refusal);
        None
    }

    /// Everything that was accepted, in that order.
    pub(super) fn accepted(&self) -> Vec<Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What drover did not accept.
    pub(super) fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was written to the session.
    pub(super) fn written(&self) -> Vec<String> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes from the session, and to it, until all is over.
pub(super) fn write(soak: &Soak<'_>, session: &Session<'_>, ledger: &Ledger) {
    let mut number = 0_u64;
    while !soak.over.rest(PACE) {
        number += 1;
        let chat = format!("1555999{:04}@c.us", number % CHATS);
        ledger.send(soak.drover, &session.name, &chat, &format!("{} out {number:05}", session.name));
        if number.is_multiple_of(2) {
            let text = format!("{} in {number:05}", session.name);
            session.phone.receive(FRIEND, &text);
            ledger.written.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }
}

/// A message's ack; None while nobody can say.
pub(super) fn ack(drover: &Drover<'_>, id: &str) -> Option<i64> {
    let reply = drover.api().try_request("GET", &format!("/api/messages/{id}"), &[], None).ok()?;
    serde_json::from_slice::<Value>(&reply.body).ok()?["ack"].as_i64()
}
