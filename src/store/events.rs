//! The table `events`: what happened, numbered.

use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};

use super::{
    StoreError,
    database::Database,
    row::{Columns, to_json},
};
use crate::model::{Event, EventKind, NewEvent, SessionName};

/// The table `events`.
#[derive(Debug, Clone)]
pub struct Events {
    database: Database,
}

impl Events {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Persists an event and numbers it. Numbers become visible in their order: whoever read up to one misses none below.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn append(&self, event: &NewEvent, at_ms: i64) -> Result<Event, StoreError> {
        let event = event.clone();
        self.database.write(move |connection| Box::pin(append_on(connection, event, at_ms))).await
    }

    /// The events after a number, in order; of one session or all, of some kinds or (empty) all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn since(
        &self,
        seq: i64,
        session: Option<&SessionName>,
        kinds: &[EventKind],
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let mut sql = "SELECT * FROM events WHERE seq > $1 AND ($2 = '' OR session = $2)".to_owned();
        if !kinds.is_empty() {
            let places: Vec<String> = (0..kinds.len()).map(|index| format!("${}", index + 4)).collect();
            sql.push_str(&format!(" AND kind IN ({})", places.join(", ")));
        }
        sql.push_str(" ORDER BY seq LIMIT $3");
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(seq)
            .bind(session.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit));
        for kind in kinds {
            query = query.bind(kind.as_str());
        }
        let rows = query.fetch_all(&mut *self.database.reader().await?).await?;
        rows.iter().map(decode).collect()
    }

    /// The number of the last event; 0 before the first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_seq(&self) -> Result<i64, StoreError> {
        let mut reader = self.database.reader().await?;
        let row = sqlx::query("SELECT seq FROM event_counter WHERE id = 1").fetch_one(&mut *reader).await?;
        Columns::of("event_counter", &row).number("seq")
    }
}

/// Numbers and inserts an event within a transaction.
pub(super) async fn append_on(
    connection: &mut AnyConnection,
    event: NewEvent,
    at_ms: i64,
) -> Result<Event, StoreError> {
    // Held until the commit, so that the next number is given out after this one is visible.
    let counted = sqlx::query("UPDATE event_counter SET seq = seq + 1 WHERE id = 1 RETURNING seq")
        .fetch_one(&mut *connection)
        .await?;
    let seq = Columns::of("event_counter", &counted).number("seq")?;
    sqlx::query("INSERT INTO events (seq, at_ms, kind, session, payload) VALUES ($1, $2, $3, $4, $5)")
        .bind(seq)
        .bind(at_ms)
        .bind(event.kind.as_str())
        .bind(event.session.to_string())
        .bind(to_json(&event.payload))
        .execute(connection)
        .await?;
    Ok(Event { seq, at_ms, event })
}

fn decode(row: &AnyRow) -> Result<Event, StoreError> {
    let columns = Columns::of("events", row);
    Ok(Event {
        seq: columns.number("seq")?,
        at_ms: columns.number("at_ms")?,
        event: NewEvent {
            kind: columns.parsed("kind")?,
            session: columns.parsed("session")?,
            payload: columns.json("payload")?,
        },
    })
}
