//! What was asked of pages about people, for an hour: each question goes to WhatsApp's servers, which count them.

use std::{future::Future, time::Duration};

use serde_json::Value;

use crate::{
    bounded::{Bounded, Bounds, Life},
    model::SessionName,
    session::error::SessionError,
};

/// Some kilobytes an entry at most.
const BOUNDS: Bounds = Bounds { name: "contacts", most: 10_000, life: Life::Put(Duration::from_secs(60 * 60)) };

/// Answers by session, question and person. Cheap to clone.
#[derive(Clone)]
pub(super) struct ContactCache {
    answers: Bounded<(SessionName, &'static str, String), Value>,
}

impl ContactCache {
    pub(super) fn new() -> Self {
        Self { answers: Bounded::new(BOUNDS) }
    }

    /// The answer of the last hour, else a new one. A failure is not kept.
    pub(super) async fn get(
        &self,
        (session, question, id): (&SessionName, &'static str, &str),
        ask: impl Future<Output = Result<Value, SessionError>>,
    ) -> Result<Value, SessionError> {
        let key = (session.clone(), question, id.to_owned());
        if let Some(answer) = self.answers.get(&key) {
            return Ok(answer);
        }
        let answer = ask.await?;
        self.answers.insert(key, answer.clone());
        Ok(answer)
    }

    /// Forgets what a session asked: its account may be another one.
    pub(super) fn forget(&self, session: &SessionName) {
        let session = session.clone();
        self.answers.remove_all(move |(of, _, _), _| *of == session);
    }
}
