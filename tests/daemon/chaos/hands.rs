//! The backend: hands messages in, over and over until each is taken.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Client, Drover};

const CHATS: usize = 7;
const AGAIN: Duration = Duration::from_millis(200);

/// Where drover is at the moment: another port after each start.
#[derive(Clone)]
pub(super) struct Door(Arc<Mutex<Client>>);

/// A message that was taken.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) session: String,
    pub(super) chat: String,
    pub(super) text: String,
    pub(super) id: String,
}

impl Door {
    pub(super) fn at(drover: &Drover<'_>) -> Self {
        Self(Arc::new(Mutex::new(drover.api().clone())))
    }

    pub(super) fn moved_to(&self, drover: &Drover<'_>) {
        *self.0.lock().expect("nobody panicked") = drover.api().clone();
    }

    fn client(&self) -> Client {
        self.0.lock().expect("nobody panicked").clone()
    }

    /// A message as drover tracks it; None when it does not know it, or does not answer.
    pub(super) fn message(&self, id: &str) -> Option<Value> {
        let reply = self.client().try_request("GET", &format!("/api/messages/{id}"), &[], None).ok()?;
        (reply.status == 200).then(|| reply.json())
    }
}

/// Hands in so many texts, one after another with a pause between them, each under its own key until it is taken.
pub(super) fn hand_in(door: &Door, session: &str, (count, pause): (usize, Duration), accepted: &Mutex<Vec<Accepted>>) {
    for number in 0..count {
        let chat = format!("1555999{:04}@c.us", number % CHATS);
        let text = format!("{session} {number:05}");
        let body = json!({"session": session, "chatId": chat, "text": text}).to_string();
        let key = text.replace(' ', "-");
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let id = loop {
            match door.client().try_request("POST", "/api/sendText", &headers, Some(&body)) {
                Ok(reply) if reply.status == 201 => break reply.json()["id"].as_str().expect("an id").to_owned(),
                Ok(reply) => assert!(reply.status >= 500, "it is right, and yet refused: {reply:?}"),
                Err(_) => {}
            }
            thread::sleep(AGAIN);
        };
        let message = Accepted { session: session.to_owned(), chat, text, id };
        accepted.lock().expect("nobody panicked").push(message);
        thread::sleep(pause);
    }
}
