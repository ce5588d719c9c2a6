//! Taking many messages out at once.

use super::{Queue, QueueError};
use crate::model::{MessageId, SessionName};

impl Queue {
    /// Takes waiting messages out, in one call; how many were there. What a sender holds stays.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn cancel_many(&self, session: &SessionName, ids: &[MessageId]) -> Result<u64, QueueError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let link = self.shared.connections.link()?;
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.run(&link, &self.shared.scripts.cancel_many, session, ids).await
    }
}
