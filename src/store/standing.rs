//! How the sessions' messages stand, in figures: what waits, for how long, and what was given up.

use std::collections::BTreeMap;

use super::{Messages, StoreError, row::Columns};
use crate::model::SessionName;

/// How a session's messages stand. Times are Unix milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Messages that wait, scheduled ones included.
    pub waiting: u64,
    /// Those of them that may be sent now.
    pub due: u64,
    /// Since when the oldest of those might have been sent.
    pub oldest_due_ms: Option<i64>,
    /// When something was tried last; known only while something is due.
    pub last_tried_at_ms: Option<i64>,
    /// Dead letters.
    pub dead: u64,
}

impl Messages {
    /// How the messages of every session stand that has any to tell of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(&self, now_ms: i64) -> Result<BTreeMap<SessionName, Standing>, StoreError> {
        let mut all: BTreeMap<SessionName, Standing> = BTreeMap::new();
        let mut reader = self.database().reader().await?;
        let waiting = sqlx::query(
            "SELECT session, COUNT(*) AS waiting, COUNT(CASE WHEN COALESCE(send_at_ms, 0) <= $1 THEN 1 END) AS due, \
             MIN(CASE WHEN COALESCE(send_at_ms, 0) <= $1 THEN COALESCE(send_at_ms, created_at_ms) END) AS oldest_due_ms \
             FROM messages WHERE state IN ('accepted', 'queued', 'claimed', 'sending') GROUP BY session",
        );
        for row in waiting.bind(now_ms).fetch_all(&mut *reader).await? {
            let columns = Columns::of("messages", &row);
            let standing = Standing {
                waiting: columns.narrow("waiting")?,
                due: columns.narrow("due")?,
                oldest_due_ms: columns.optional_number("oldest_due_ms")?,
                ..Standing::default()
            };
            all.insert(columns.parsed("session")?, standing);
        }
        for (session, standing) in all.iter_mut().filter(|(_, standing)| standing.due > 0) {
            let tried = sqlx::query("SELECT MAX(at_ms) AS tried_at_ms FROM attempts WHERE session = $1");
            let row = tried.bind(session.to_string()).fetch_one(&mut *reader).await?;
            standing.last_tried_at_ms = Columns::of("attempts", &row).optional_number("tried_at_ms")?;
        }
        let dead = sqlx::query("SELECT session, COUNT(*) AS dead FROM messages WHERE state = 'dead' GROUP BY session");
        for row in dead.fetch_all(&mut *reader).await? {
            let columns = Columns::of("messages", &row);
            all.entry(columns.parsed("session")?).or_default().dead = columns.narrow("dead")?;
        }
        Ok(all)
    }
}
