//! The table `webhook_lanes`: up to where each webhook has each session's events.

use super::{StoreError, database::Database, row::Columns};
use crate::model::SessionName;

/// One webhook's events of one session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    /// The webhook's id.
    pub webhook: String,
    /// The session.
    pub session: SessionName,
}

/// The table `webhook_lanes`.
#[derive(Debug, Clone)]
pub struct Webhooks {
    database: Database,
}

impl Webhooks {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Begins lanes, each behind the event of its number; one that is there keeps its own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(&self, lanes: Vec<(LaneKey, i64)>) -> Result<(), StoreError> {
        self.each(
            "INSERT INTO webhook_lanes (webhook, session, cursor_seq) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            lanes,
        )
        .await
    }

    /// Moves cursors on; none goes back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn advance(&self, lanes: Vec<(LaneKey, i64)>) -> Result<(), StoreError> {
        self.each(ADVANCE, lanes).await
    }

    /// Every lane with its cursor.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<(LaneKey, i64)>, StoreError> {
        let rows = sqlx::query("SELECT * FROM webhook_lanes ORDER BY session, webhook")
            .fetch_all(&mut *self.database.reader().await?)
            .await?;
        rows.iter().map(|row| decode(Columns::of("webhook_lanes", row))).collect()
    }

    /// The lanes of one session with their cursors.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_session(&self, session: &SessionName) -> Result<Vec<(LaneKey, i64)>, StoreError> {
        let rows = sqlx::query("SELECT * FROM webhook_lanes WHERE session = $1 ORDER BY webhook")
            .bind(session.to_string())
            .fetch_all(&mut *self.database.reader().await?)
            .await?;
        rows.iter().map(|row| decode(Columns::of("webhook_lanes", row))).collect()
    }

    /// Ends a lane, with what waits to be tried again in it. Its dead letters stay.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove(&self, lane: &LaneKey) -> Result<(), StoreError> {
        let (webhook, session) = (lane.webhook.clone(), lane.session.to_string());
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    for sql in [
                        "DELETE FROM webhook_lanes WHERE webhook = $1 AND session = $2",
                        "DELETE FROM webhook_deliveries WHERE webhook = $1 AND session = $2 AND state = 'waiting'",
                    ] {
                        sqlx::query(sql).bind(webhook.clone()).bind(session.clone()).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn each(&self, sql: &'static str, lanes: Vec<(LaneKey, i64)>) -> Result<(), StoreError> {
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    for (LaneKey { webhook, session }, cursor) in lanes {
                        let query = sqlx::query(sql).bind(webhook).bind(session.to_string()).bind(cursor);
                        query.execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Moves one cursor on: webhook, session, number.
pub(super) const ADVANCE: &str =
    "UPDATE webhook_lanes SET cursor_seq = $3 WHERE webhook = $1 AND session = $2 AND cursor_seq < $3";

fn decode(columns: Columns<'_>) -> Result<(LaneKey, i64), StoreError> {
    let lane = LaneKey { webhook: columns.text("webhook")?, session: columns.parsed("session")? };
    Ok((lane, columns.number("cursor_seq")?))
}
