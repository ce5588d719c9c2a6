//! Removes rows for their age, some at a time, and none that is still needed.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::{StoreError, database::Database, row::Columns};
use crate::model::SessionName;

/// A page that is ready again is asked for what came since a little before its session's cursor; what is known then must be known
/// for longer than that, however old it is.
const REPLAYED_S: i64 = 60 * 60;

/// What is removed for its age.
#[derive(Debug, Clone)]
pub struct Retention {
    database: Database,
}

/// What was done with one portion of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// How many are gone.
    pub removed: u64,
    /// The number of the last one that was looked at; None when all that are old enough were.
    pub looked_to: Option<i64>,
}

impl Retention {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Removes messages of ours that are settled, dead letters too, with their attempts: those accepted, scheduled for and last tried
    /// before a time. With it an idempotency key is free again. Gives how many; fewer than `limit`: that was all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_messages(&self, before_ms: i64, limit: u32) -> Result<u64, StoreError> {
        // The state stands there twice, since a dead letter may be taken back between the two looks.
        let sql = "DELETE FROM messages WHERE state NOT IN ('accepted', 'queued', 'claimed', 'sending') AND id IN (\
                   SELECT id FROM messages m WHERE created_at_ms < $1 \
                   AND state NOT IN ('accepted', 'queued', 'claimed', 'sending') \
                   AND (send_at_ms IS NULL OR send_at_ms < $1) \
                   AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = m.id AND a.at_ms >= $1) \
                   ORDER BY created_at_ms LIMIT $2)";
        self.database.execute(sql, move |query| query.bind(before_ms).bind(i64::from(limit))).await
    }

    /// Removes what came in before a time, unless a page could bring it again. Gives how many; fewer than `limit`: that was all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_inbound(&self, before_ms: i64, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM inbound WHERE position IN (\
                   SELECT position FROM inbound i WHERE received_at_ms < $1 AND NOT EXISTS (\
                   SELECT 1 FROM inbound_cursors c WHERE c.session = i.session AND i.sent_at_s >= c.seen_to_s - $2) \
                   ORDER BY received_at_ms LIMIT $3)";
        let bound =
            move |query: super::database::AnyQuery| query.bind(before_ms).bind(REPLAYED_S).bind(i64::from(limit));
        self.database.execute(sql, bound).await
    }

    /// Removes dead letters of webhooks that were last tried before a time. Gives how many; fewer than `limit`: that was all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_dead_deliveries(&self, before_ms: i64, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM webhook_deliveries WHERE state = 'dead' AND id IN (\
                   SELECT id FROM webhook_deliveries WHERE state = 'dead' AND updated_at_ms < $1 \
                   ORDER BY updated_at_ms LIMIT $2)";
        self.database.execute(sql, move |query| query.bind(before_ms).bind(i64::from(limit))).await
    }

    /// Looks at up to `limit` events after the one with this number, and removes those from before a time. `needed`: of these sessions
    /// what comes after the number stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_events(
        &self,
        after_seq: i64,
        before_ms: i64,
        needed: &HashMap<SessionName, i64>,
        limit: u32,
    ) -> Result<Swept, StoreError> {
        let rows = sqlx::query("SELECT seq, at_ms FROM events WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(after_seq)
            .bind(i64::from(limit))
            .fetch_all(&mut *self.database.reader().await?)
            .await?;
        let mut looked_to = None;
        let mut has_more = rows.len() >= limit as usize;
        for row in &rows {
            let columns = Columns::of("events", row);
            if columns.number("at_ms")? >= before_ms {
                has_more = false;
                break;
            }
            looked_to = Some(columns.number("seq")?);
        }
        let Some(to_seq) = looked_to else { return Ok(Swept { removed: 0, looked_to: None }) };
        let kept = "AND NOT (session = $$ AND seq > $$)";
        let mut sql = "DELETE FROM events WHERE seq > $1 AND seq <= $2 ".to_owned();
        for place in 0..needed.len() {
            sql.push_str(&kept.replacen("$$", &format!("${}", 3 + place * 2), 1).replacen(
                "$$",
                &format!("${}", 4 + place * 2),
                1,
            ));
            sql.push(' ');
        }
        let needed: Vec<(String, i64)> = needed.iter().map(|(session, seq)| (session.to_string(), *seq)).collect();
        let removed = self
            .database
            .write(move |connection| {
                Box::pin(async move {
                    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(after_seq).bind(to_seq);
                    for (session, seq) in needed {
                        query = query.bind(session).bind(seq);
                    }
                    Ok(query.execute(connection).await?.rows_affected())
                })
            })
            .await?;
        Ok(Swept { removed, looked_to: has_more.then_some(to_seq) })
    }
}
