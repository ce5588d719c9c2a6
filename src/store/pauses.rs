//! The table `pauses`: which queues stand still and why. Redis has copies, and is brought to what stands here.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::{StoreError, database::Database, row::Columns};
use crate::model::{PauseCause, SessionName};

/// What stands for all sessions; no session's name.
const ALL: &str = "*";

/// The table `pauses`.
#[derive(Debug, Clone)]
pub struct Pauses {
    database: Database,
}

/// What is paused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paused {
    /// Whether all sessions are.
    pub all: bool,
    /// The sessions that are by themselves, and why.
    pub sessions: HashMap<SessionName, PauseCause>,
}

impl Pauses {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Notes a pause of one session or of all. One that is paused keeps its first cause.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause(&self, session: Option<&SessionName>, cause: PauseCause, now_ms: i64) -> Result<(), StoreError> {
        let name = session.map_or(ALL, SessionName::as_str).to_owned();
        self.database
            .execute(
                "INSERT INTO pauses (session, cause, at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                move |query| query.bind(name).bind(cause.as_str()).bind(now_ms),
            )
            .await
            .map(drop)
    }

    /// Lifts a pause of one session or of all; whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lift(&self, session: Option<&SessionName>) -> Result<bool, StoreError> {
        let name = session.map_or(ALL, SessionName::as_str).to_owned();
        let lifted =
            self.database.execute("DELETE FROM pauses WHERE session = $1", move |query| query.bind(name)).await?;
        Ok(lifted > 0)
    }

    /// All that is paused.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Paused, StoreError> {
        let rows =
            sqlx::query("SELECT session, cause FROM pauses").fetch_all(&mut *self.database.reader().await?).await?;
        let mut paused = Paused::default();
        for row in &rows {
            paused.add(row)?;
        }
        Ok(paused)
    }
}

impl Paused {
    fn add(&mut self, row: &AnyRow) -> Result<(), StoreError> {
        let columns = Columns::of("pauses", row);
        if columns.text("session")? == ALL {
            self.all = true;
        } else {
            let cause = PauseCause::read(&columns.text("cause")?).unwrap_or(PauseCause::Operator);
            self.sessions.insert(columns.parsed("session")?, cause);
        }
        Ok(())
    }
}
