//! Writes of the event log that wait at the same time: one transaction for all of them, so that one commit to disk serves many. Each
//! is kept or undone by itself; the kept ones are durable together.
//!
//! A row is never held back to fill a transaction: what comes while one is being committed is the next.

use sqlx::AnyConnection;

use super::{NewInbound, Store, StoreError, TakenIn, alerts, events, inbound};
use crate::model::{Alert, Event, NewEvent, SessionName};

/// Something for the event log.
#[derive(Debug, Clone)]
pub enum LogWrite {
    /// Something happened.
    Append(NewEvent),
    /// A problem, or the end of one, if that is news.
    Alert {
        /// Whose.
        session: SessionName,
        /// What is told.
        alert: Box<Alert>,
    },
    /// What came from a page, in its order: all of it, or nothing.
    TakeIn {
        /// Each with the events that tell of it.
        arrivals: Vec<(NewInbound, Vec<NewEvent>)>,
        /// See [`super::Inbound::take_in`].
        window_s: i64,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum LogWritten {
    /// It has a number.
    Appended(Event),
    /// The event; None when it is no news.
    Alerted(Option<Event>),
    /// One of each arrival, in their order.
    TakenIn(Vec<TakenIn>),
}

impl Store {
    /// Writes, in this order; what came of each, in the same order. What is answered with `Ok` is durable.
    pub async fn write_log(&self, writes: Vec<LogWrite>, now_ms: i64) -> Vec<Result<LogWritten, StoreError>> {
        let count = writes.len();
        let written = self.database.write(move |connection| Box::pin(write_all(connection, writes, now_ms))).await;
        written.unwrap_or_else(|error| (0..count).map(|_| Err(error.copied())).collect())
    }
}

async fn write_all(
    connection: &mut AnyConnection,
    writes: Vec<LogWrite>,
    now_ms: i64,
) -> Result<Vec<Result<LogWritten, StoreError>>, StoreError> {
    // One alone stands or falls with its transaction.
    if let [_] = writes.as_slice() {
        let only = writes.into_iter().next().expect("there is one");
        return Ok(vec![Ok(write_one(connection, only, now_ms).await?)]);
    }
    let mut all = Vec::with_capacity(writes.len());
    for write in writes {
        sqlx::query("SAVEPOINT entry").execute(&mut *connection).await?;
        let written = write_one(connection, write, now_ms).await;
        if written.is_err() {
            sqlx::query("ROLLBACK TO SAVEPOINT entry").execute(&mut *connection).await?;
        }
        sqlx::query("RELEASE SAVEPOINT entry").execute(&mut *connection).await?;
        all.push(written);
    }
    Ok(all)
}

async fn write_one(connection: &mut AnyConnection, write: LogWrite, now_ms: i64) -> Result<LogWritten, StoreError> {
    match write {
        LogWrite::Append(event) => events::append_on(connection, event, now_ms).await.map(LogWritten::Appended),
        LogWrite::Alert { session, alert } => {
            alerts::append_on(connection, session, &alert, now_ms).await.map(LogWritten::Alerted)
        }
        LogWrite::TakeIn { arrivals, window_s } => {
            let mut all = Vec::with_capacity(arrivals.len());
            for (new, events) in arrivals {
                all.push(inbound::take_in_on(connection, &new, events, (window_s, now_ms)).await?);
            }
            Ok(LogWritten::TakenIn(all))
        }
    }
}
