//! The table `attempts`: what was tried, committed before the page is told.

use sqlx::any::AnyRow;

use super::{
    StoreError,
    database::Database,
    row::{Columns, name_of},
};
use crate::model::{Attempt, AttemptOutcome, ChatId, MessageId, MessageKey, SessionName};

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
                         WHERE id = $1 AND state IN ('accepted', 'queued', 'claimed', 'sending') RETURNING session",
                    )
                    .bind(id.clone())
                    .bind(key.clone())
                    .fetch_optional(&mut *connection)
                    .await?;
                    let Some(moved) = moved else { return Ok(None) };
                    let session = Columns::of("messages", &moved).text("session")?;
                    let inserted = sqlx::query(
                        "INSERT INTO attempts (message_id, number, at_ms, message_key, session) \
                         SELECT $1, COALESCE(MAX(number), 0) + 1, $3, $2, $4 FROM attempts WHERE message_id = $1 \
                         RETURNING number",
                    )
                    .bind(id)
                    .bind(key)
                    .bind(at_ms)
                    .bind(session)
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

/// What a session tried lately. Times are Unix milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// The attempts of the last hour, when and to which chat, the earliest first; of very many the latest.
    pub in_hour: Vec<(i64, ChatId)>,
    /// How many there were since midnight UTC.
    pub in_day: u32,
    /// How many of the last ones that have ended did not succeed, in a row.
    pub failures: u32,
    /// When the last of these began.
    pub last_failure_ms: Option<i64>,
}

impl Attempts {
    /// What a session tried lately, as of `now_ms`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recent(&self, session: &SessionName, now_ms: i64) -> Result<Recent, StoreError> {
        const HOUR_MS: i64 = 3_600_000;
        const DAY_MS: i64 = 86_400_000;
        let session = session.to_string();
        let mut reader = self.database.reader().await?;
        let rows = sqlx::query(
            "SELECT attempts.at_ms AS at_ms, messages.chat AS chat FROM attempts \
             JOIN messages ON messages.id = attempts.message_id \
             WHERE attempts.session = $1 AND attempts.at_ms > $2 ORDER BY attempts.at_ms DESC LIMIT 100000",
        )
        .bind(session.clone())
        .bind(now_ms - HOUR_MS)
        .fetch_all(&mut *reader)
        .await?;
        let read = |row: &AnyRow| {
            let columns = Columns::of("attempts", row);
            Ok((columns.number("at_ms")?, columns.parsed("chat")?))
        };
        let in_hour: Vec<_> = rows.iter().rev().map(read).collect::<Result<_, StoreError>>()?;
        let row = sqlx::query("SELECT COUNT(*) AS attempts FROM attempts WHERE session = $1 AND at_ms >= $2")
            .bind(session.clone())
            .bind(now_ms.div_euclid(DAY_MS) * DAY_MS)
            .fetch_one(&mut *reader)
            .await?;
        let in_day = Columns::of("attempts", &row).narrow("attempts")?;
        let rows = sqlx::query(
            "SELECT at_ms, outcome FROM attempts WHERE session = $1 AND outcome IS NOT NULL \
             ORDER BY at_ms DESC LIMIT 1000",
        )
        .bind(session)
        .fetch_all(&mut *reader)
        .await?;
        let (mut failures, mut last_failure_ms) = (0, None);
        for row in &rows {
            let columns = Columns::of("attempts", row);
            if columns.optional_named("outcome")? == Some(AttemptOutcome::Sent) {
                break;
            }
            failures += 1;
            last_failure_ms = last_failure_ms.or(Some(columns.number("at_ms")?));
        }
        Ok(Recent { in_hour, in_day, failures, last_failure_ms })
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
