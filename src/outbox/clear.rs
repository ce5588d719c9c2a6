//! Clearing a queue: everything that waits is taken back.

use super::{AcceptError, Outbox};
use crate::model::SessionName;

/// Messages that are taken back in one commit, and out of Redis in one call.
const PORTION: u32 = 500;

impl Outbox {
    /// Takes back whatever of a session nobody holds yet; how many. What a sender holds, or has tried, is left alone.
    ///
    /// # Errors
    /// When the database fails; some may be taken back then.
    pub async fn clear(&self, session: &SessionName) -> Result<u64, AcceptError> {
        let mut cleared = 0;
        loop {
            let cancelled = self.store.messages().cancel_some(session, PORTION).await?;
            // As with one: the rows decide.
            if let Err(error) = self.queue.cancel_all(session, &cancelled).await {
                tracing::debug!(session.id = %session, %error, "cancelled messages stay queued until a sender finds them");
            }
            cleared += u64::try_from(cancelled.len()).unwrap_or(u64::MAX);
            if cancelled.len() < PORTION as usize {
                return Ok(cleared);
            }
        }
    }
}
