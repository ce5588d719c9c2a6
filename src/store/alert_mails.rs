//! The table `alert_mails`: mails that wait for the mail server, and those that were given up.

use sqlx::{AnyConnection, any::AnyRow};

use super::{StoreError, database::Database, row::Columns};

/// A mail that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// Its id, which is its Message-ID too: a mail that came twice can be told by it.
    pub id: String,
    /// To whom: one address.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// The body as text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

/// A mail that waits, or was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRecord {
    /// What is sent.
    pub mail: NewMail,
    /// Whether it was given up.
    pub is_dead: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again; Unix milliseconds.
    pub due_at_ms: i64,
    /// When it was written; Unix milliseconds.
    pub created_at_ms: i64,
    /// Why the last try failed: a code and a sentence.
    pub failure: Option<(String, String)>,
}

/// The table `alert_mails`.
#[derive(Debug, Clone)]
pub struct AlertMails {
    database: Database,
}

impl AlertMails {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Those that wait, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self, limit: u32) -> Result<Vec<MailRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM alert_mails WHERE state = 'waiting' ORDER BY created_at_ms, id LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&mut *self.database.reader().await?)
            .await?;
        rows.iter().map(decode).collect()
    }

    /// Those that were given up, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead(&self, limit: u32) -> Result<Vec<MailRecord>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM alert_mails WHERE state = 'dead' ORDER BY created_at_ms DESC, id LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&mut *self.database.reader().await?)
                .await?;
        rows.iter().map(decode).collect()
    }

    /// A mail was taken by the server: nothing is left to do.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sent(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.database.execute("DELETE FROM alert_mails WHERE id = $1", move |query| query.bind(id)).await.map(drop)
    }

    /// A try failed: the mail waits until `due_at_ms`, or is given up without one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn failed(&self, id: &str, due_at_ms: Option<i64>, failure: (&str, &str)) -> Result<(), StoreError> {
        let (id, code, detail) = (id.to_owned(), failure.0.to_owned(), failure.1.to_owned());
        let sql = "UPDATE alert_mails SET attempts = attempts + 1, state = $2, due_at_ms = $3, error_code = $4, \
                   error_detail = $5 WHERE id = $1";
        let state = if due_at_ms.is_some() { "waiting" } else { "dead" };
        let bind = move |query: super::database::AnyQuery| {
            query.bind(id).bind(state).bind(due_at_ms.unwrap_or_default()).bind(code).bind(detail)
        };
        self.database.execute(sql, bind).await.map(drop)
    }

    /// Removes those that were given up and written before some time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_dead(&self, before_ms: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM alert_mails WHERE state = 'dead' AND created_at_ms < $1";
        self.database.execute(sql, move |query| query.bind(before_ms)).await.map(drop)
    }
}

/// Adds a mail that is due at once.
pub(super) async fn insert_mail(connection: &mut AnyConnection, mail: &NewMail, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO alert_mails (id, recipient, subject, text, html, state, attempts, due_at_ms, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5, 'waiting', 0, $6, $6)",
    )
    .bind(mail.id.clone())
    .bind(mail.recipient.clone())
    .bind(mail.subject.clone())
    .bind(mail.text.clone())
    .bind(mail.html.clone())
    .bind(now_ms)
    .execute(connection)
    .await?;
    Ok(())
}

fn decode(row: &AnyRow) -> Result<MailRecord, StoreError> {
    let columns = Columns::of("alert_mails", row);
    Ok(MailRecord {
        mail: NewMail {
            id: columns.text("id")?,
            recipient: columns.text("recipient")?,
            subject: columns.text("subject")?,
            text: columns.text("text")?,
            html: columns.text("html")?,
        },
        is_dead: columns.text("state")? == "dead",
        attempts: columns.narrow("attempts")?,
        due_at_ms: columns.number("due_at_ms")?,
        created_at_ms: columns.number("created_at_ms")?,
        failure: columns.optional_text("error_code")?.zip(columns.optional_text("error_detail")?),
    })
}
