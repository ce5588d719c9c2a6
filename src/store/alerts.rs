//! The tables `alert_problems` and `alert_cursor`: which problems are open, and how far mails told of them.

use sqlx::{AnyConnection, any::AnyRow};

use super::{
    StoreError,
    alert_mails::{NewMail, insert_mail},
    database::Database,
    events,
    row::{Columns, name_of},
};
use crate::model::{Alert, Event, EventKind, NewEvent, SessionName, Severity};

/// A problem that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whose; [`SessionName::server`] for drover itself.
    pub session: SessionName,
    /// Such as `attempts_spent`.
    pub code: String,
    /// How soon a person is needed.
    pub severity: Severity,
    /// What happened and what to do.
    pub message: String,
    /// When it was raised last; Unix milliseconds.
    pub raised_at_ms: i64,
    /// When it ended; None while it is open.
    pub resolved_at_ms: Option<i64>,
    /// How far mails told of it.
    pub told: Told,
}

/// How far mails told of a problem.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// When a mail told of it last; Unix milliseconds.
    pub mailed_at_ms: Option<i64>,
    /// How often it came again since.
    pub repeats: u32,
    /// A mail told that it is open, and none that it is over.
    pub is_told: bool,
}

/// What an alert led to, in one commit.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// The number of the event up to which all is written; None leaves it.
    pub up_to_seq: Option<i64>,
    /// How far mails told of these problems now.
    pub told: Vec<(SessionName, String, Told)>,
    /// The mails themselves.
    pub mails: Vec<NewMail>,
}

/// The tables `alert_problems` and `alert_cursor`.
#[derive(Debug, Clone)]
pub struct Alerts {
    database: Database,
}

impl Alerts {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// One problem.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, session: &SessionName, code: &str) -> Result<Option<Problem>, StoreError> {
        find(&mut *self.database.reader().await?, session, code).await
    }

    /// The problems that are open, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(&self) -> Result<Vec<Problem>, StoreError> {
        self.select("SELECT * FROM alert_problems WHERE resolved_at_ms IS NULL ORDER BY raised_at_ms, session, code")
            .await
    }

    /// The problems that came again since a mail told of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn repeated(&self) -> Result<Vec<Problem>, StoreError> {
        self.select("SELECT * FROM alert_problems WHERE repeats > 0 ORDER BY raised_at_ms, session, code").await
    }

    /// Forgets the problems of a session that is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, session: &SessionName) -> Result<(), StoreError> {
        let session = session.to_string();
        let sql = "DELETE FROM alert_problems WHERE session = $1";
        self.database.execute(sql, move |query| query.bind(session)).await.map(drop)
    }

    /// The number of the event up to which mails were written; `first` where there is none yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cursor(&self, first: i64) -> Result<i64, StoreError> {
        let sql = "INSERT INTO alert_cursor (id, seq) VALUES (1, $1) ON CONFLICT DO NOTHING";
        self.database.execute(sql, move |query| query.bind(first)).await?;
        let row = sqlx::query("SELECT seq FROM alert_cursor WHERE id = 1")
            .fetch_one(&mut *self.database.reader().await?)
            .await?;
        Columns::of("alert_cursor", &row).number("seq")
    }

    /// Keeps what alerts led to: all of it or nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write(&self, written: Written, now_ms: i64) -> Result<(), StoreError> {
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    for (session, code, told) in written.told {
                        set_told(connection, &session, &code, told).await?;
                    }
                    for mail in &written.mails {
                        insert_mail(connection, mail, now_ms).await?;
                    }
                    if let Some(seq) = written.up_to_seq {
                        let query = sqlx::query("UPDATE alert_cursor SET seq = $1 WHERE id = 1 AND seq < $1").bind(seq);
                        query.execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn select(&self, sql: &'static str) -> Result<Vec<Problem>, StoreError> {
        let rows = sqlx::query(sql).fetch_all(&mut *self.database.reader().await?).await?;
        rows.iter().map(decode).collect()
    }
}

/// Persists an alert and its event within a transaction, if it is news: one that is raised and open already, or resolved and not open,
/// is none.
pub(super) async fn append_on(
    connection: &mut AnyConnection,
    session: SessionName,
    alert: &Alert,
    at_ms: i64,
) -> Result<Option<Event>, StoreError> {
    let known = find(connection, &session, &alert.code).await?;
    let is_open = known.is_some_and(|problem| problem.resolved_at_ms.is_none());
    if alert.is_resolved != is_open {
        return Ok(None);
    }
    note(connection, &session, alert, at_ms).await?;
    let payload = serde_json::json!(alert);
    events::append_on(connection, NewEvent { kind: EventKind::Alert, session, payload }, at_ms).await.map(Some)
}

async fn find(
    connection: &mut AnyConnection,
    session: &SessionName,
    code: &str,
) -> Result<Option<Problem>, StoreError> {
    let query = sqlx::query("SELECT * FROM alert_problems WHERE session = $1 AND code = $2");
    let row = query.bind(session.to_string()).bind(code.to_owned()).fetch_optional(connection).await?;
    row.as_ref().map(decode).transpose()
}

async fn note(
    connection: &mut AnyConnection,
    session: &SessionName,
    alert: &Alert,
    at_ms: i64,
) -> Result<(), StoreError> {
    let query = if alert.is_resolved {
        sqlx::query("UPDATE alert_problems SET resolved_at_ms = $3 WHERE session = $1 AND code = $2")
            .bind(session.to_string())
            .bind(alert.code.clone())
            .bind(at_ms)
    } else {
        sqlx::query(
            "INSERT INTO alert_problems (session, code, severity, message, raised_at_ms, resolved_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (session, code) DO UPDATE SET severity = excluded.severity, \
             message = excluded.message, raised_at_ms = excluded.raised_at_ms, resolved_at_ms = excluded.resolved_at_ms",
        )
        .bind(session.to_string())
        .bind(alert.code.clone())
        .bind(name_of(&alert.severity))
        .bind(alert.message.clone())
        .bind(at_ms)
        .bind(alert.is_notice().then_some(at_ms))
    };
    query.execute(connection).await?;
    Ok(())
}

async fn set_told(
    connection: &mut AnyConnection,
    session: &SessionName,
    code: &str,
    told: Told,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE alert_problems SET mailed_at_ms = $3, repeats = $4, is_told = $5 WHERE session = $1 AND code = $2",
    )
    .bind(session.to_string())
    .bind(code.to_owned())
    .bind(told.mailed_at_ms)
    .bind(i64::from(told.repeats))
    .bind(i64::from(told.is_told))
    .execute(connection)
    .await?;
    Ok(())
}

fn decode(row: &AnyRow) -> Result<Problem, StoreError> {
    let columns = Columns::of("alert_problems", row);
    Ok(Problem {
        session: columns.parsed("session")?,
        code: columns.text("code")?,
        severity: columns.named("severity")?,
        message: columns.text("message")?,
        raised_at_ms: columns.number("raised_at_ms")?,
        resolved_at_ms: columns.optional_number("resolved_at_ms")?,
        told: Told {
            mailed_at_ms: columns.optional_number("mailed_at_ms")?,
            repeats: columns.narrow("repeats")?,
            is_told: columns.flag("is_told")?,
        },
    })
}
