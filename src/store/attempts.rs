//! The table `attempts`: what was tried, committed before the page is told.

use sqlx::any::AnyRow;

use super::{
    StoreError,
    database::Database,
    row::{Columns, name_of},
};
use crate::model::{Attempt, AttemptOutcome, MessageId, MessageKey};

/// The table `attempts`.
#[derive(Debug, Clone)]
pub struct Attempts {
    database: Database,
}

impl Attempts {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Commits an attempt, the message's key and the state `sending` in one transaction, and answers with the attempt's
    /// number (from 1). None: the message is settled or unknown, and must not be sent.
    ///
    /// # Errors
    /// When the database fails; whether it is committed is unknown then, and the page was not told.
    pub async fn begin(&self, id: &MessageId, key: &MessageKey, at_ms: i64) -> Result<Option<u32>, StoreError> {
        let (id, key) = (id.to_string(), key.to_string());
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    // First the row: its lock makes the numbering safe.
                    let moved = sqlx::query(
                        "UPDATE messages SET state = 'sending', message_key = $2 \
                         WHERE id = $1 AND state IN ('accepted', 'queued', 'claimed', 'sending')",
                    )
                    .bind(id.clone())
                    .bind(key.clone())
                    .execute(&mut *connection)
                    .await?;
                    if moved.rows_affected() == 0 {
                        return Ok(None);
                    }
                    let inserted = sqlx::query(
                        "INSERT INTO attempts (message_id, number, at_ms, message_key) \
                         SELECT $1, COALESCE(MAX(number), 0) + 1, $3, $2 FROM attempts WHERE message_id = $1 \
                         RETURNING number",
                    )
                    .bind(id)
                    .bind(key)
                    .bind(at_ms)
                    .fetch_one(connection)
                    .await?;
                    Columns::of("attempts", &inserted).narrow("number").map(Some)
                })
            })
            .await
    }

    /// How an attempt ended. A known outcome is replaced (`unknown` becomes `sent`).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(
        &self,
        id: &MessageId,
        number: u32,
        outcome: AttemptOutcome,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let (id, detail) = (id.to_string(), detail.map(str::to_owned));
        self.database
            .execute(
                "UPDATE attempts SET outcome = $3, detail = $4 WHERE message_id = $1 AND number = $2",
                move |query| query.bind(id).bind(i64::from(number)).bind(name_of(&outcome)).bind(detail),
            )
            .await
            .map(drop)
    }
}

/// One row of `attempts`.
pub(super) fn decode(row: &AnyRow) -> Result<Attempt, StoreError> {
    let columns = Columns::of("attempts", row);
    Ok(Attempt {
        number: columns.narrow("number")?,
        at_ms: columns.number("at_ms")?,
        key: columns.parsed("message_key")?,
        outcome: columns.optional_named("outcome")?,
        detail: columns.optional_text("detail")?,
    })
}
