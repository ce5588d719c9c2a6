//! What was asked of pages about people, for an hour: each question goes to WhatsApp's servers, which count them.

use std::{future::Future, time::Duration};

use moka::future::Cache;
use serde_json::Value;

use crate::{model::SessionName, session::error::SessionError};

const LIFE: Duration = Duration::from_secs(60 * 60);
/// Some kilobytes each at most.
const ENTRIES: u64 = 10_000;

/// Answers by session, question and person. Cheap to clone.
#[derive(Clone)]
pub(super) struct ContactCache {
    answers: Cache<(SessionName, &'static str, String), Value>,
}

impl ContactCache {
    pub(super) fn new() -> Self {
        Self {
            answers: Cache::builder().max_capacity(ENTRIES).time_to_live(LIFE).support_invalidation_closures().build(),
        }
    }

    /// The answer of the last hour, else a new one. A failure is not kept.
    pub(super) async fn get(
        &self,
        (session, question, id): (&SessionName, &'static str, &str),
        ask: impl Future<Output = Result<Value, SessionError>>,
    ) -> Result<Value, SessionError> {
        let key = (session.clone(), question, id.to_owned());
        if let Some(answer) = self.answers.get(&key).await {
            return Ok(answer);
        }
        let answer = ask.await?;
        self.answers.insert(key, answer.clone()).await;
        Ok(answer)
    }

    /// Forgets what a session asked: its account may be another one.
    pub(super) fn forget(&self, session: &SessionName) {
        let session = session.clone();
        // Fails only for a cache that was built without closures; then entries end by their time.
        let _ = self.answers.invalidate_entries_if(move |(of, _, _), _| *of == session);
    }
}
