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
        // Each condition stands there only when it is asked for: an index serves no condition that may be void.
        let mut sql = "SELECT * FROM events WHERE seq > $1".to_owned();
        let mut places = 3_usize..;
        if session.is_some() {
            sql.push_str(&format!(" AND session = ${}", places.next().unwrap_or_default()));
        }
        if !kinds.is_empty() {
            let places: Vec<String> = kinds.iter().zip(places).map(|(_, place)| format!("${place}")).collect();
            sql.push_str(&format!(" AND kind IN ({})", places.join(", ")));
        }
        sql.push_str(" ORDER BY seq LIMIT $2");
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(seq).bind(i64::from(limit));
        if let Some(session) = session {
            query = query.bind(session.to_string());
        }
        for kind in kinds {
            query = query.bind(kind.as_str());
        }
        let rows = query.fetch_all(&mut *self.database.reader().await?).await?;
        rows.iter().map(decode).collect()
    }

    /// How many events of a session, of some kinds or (empty) all, come after a number; counted up to `most`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_since(
        &self,
        seq: i64,
        session: &SessionName,
        kinds: &[EventKind],
        most: u32,
    ) -> Result<i64, StoreError> {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        // The names are our own, without a quote in them.
        let kinds = if names.is_empty() { String::new() } else { format!(" AND kind IN ('{}')", names.join("', '")) };
        let sql = format!(
            "SELECT COUNT(*) AS waiting FROM (SELECT seq FROM events WHERE session = $1 AND seq > $2{kinds} LIMIT $3) AS late"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(session.to_string())
            .bind(seq)
            .bind(i64::from(most))
            .fetch_one(&mut *self.database.reader().await?)
            .await?;
        Columns::of("events", &row).number("waiting")
    }

    /// The last events, the latest first; of one session or all, of some kinds or (empty) all. No more than the last 20,000 are
    /// looked through.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest(
        &self,
        session: Option<&SessionName>,
        kinds: &[EventKind],
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        // The names are our own, without a quote in them.
        let names: Vec<String> = kinds.iter().map(|kind| format!("'{}'", kind.as_str())).collect();
        let kinds = if names.is_empty() { String::new() } else { format!(" AND kind IN ({})", names.join(", ")) };
        let of_session = if session.is_some() { " AND session = $2" } else { "" };
        let sql = format!(
            "SELECT * FROM events WHERE seq > COALESCE((SELECT seq FROM events WHERE seq > 0{of_session} \
             ORDER BY seq DESC LIMIT 1 OFFSET 20000), 0){of_session}{kinds} ORDER BY seq DESC LIMIT $1"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(i64::from(limit));
        if let Some(session) = session {
            query = query.bind(session.to_string());
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
