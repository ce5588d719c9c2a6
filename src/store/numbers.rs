//! The table `numbers`: what WhatsApp answered when it was asked whether somebody has a number. A cache: a row may go any
//! time, and is asked for again then.

use super::{StoreError, database::Database, row::Columns};
use crate::model::{ChatId, PhoneNumber};

/// What WhatsApp answered for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedNumber {
    /// The chat under which it is reached; None: it has no WhatsApp.
    pub chat: Option<ChatId>,
    /// When it was asked (Unix milliseconds).
    pub checked_at_ms: i64,
}

/// The table `numbers`.
#[derive(Debug, Clone)]
pub struct Numbers {
    database: Database,
}

impl Numbers {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// What is known of a number, unless that is older than `since_ms`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, phone: &PhoneNumber, since_ms: i64) -> Result<Option<CheckedNumber>, StoreError> {
        let row = sqlx::query("SELECT chat, checked_at_ms FROM numbers WHERE phone = $1 AND checked_at_ms > $2")
            .bind(phone.as_str().to_owned())
            .bind(since_ms)
            .fetch_optional(&mut *self.database.reader().await?)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let columns = Columns::of("numbers", &row);
        let (chat, checked_at_ms) = (columns.optional_parsed("chat")?, columns.number("checked_at_ms")?);
        Ok(Some(CheckedNumber { chat, checked_at_ms }))
    }

    /// Keeps an answer, in the place of an earlier one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put(&self, phone: &PhoneNumber, checked: &CheckedNumber) -> Result<(), StoreError> {
        let (phone, checked) = (phone.as_str().to_owned(), checked.clone());
        self.database
            .execute(
                "INSERT INTO numbers (phone, chat, checked_at_ms) VALUES ($1, $2, $3) ON CONFLICT (phone) \
                 DO UPDATE SET chat = excluded.chat, checked_at_ms = excluded.checked_at_ms",
                move |query| query.bind(phone).bind(checked.chat.map(String::from)).bind(checked.checked_at_ms),
            )
            .await
            .map(drop)
    }

    /// Forgets a number, so that it is asked for again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, phone: &PhoneNumber) -> Result<(), StoreError> {
        let phone = phone.as_str().to_owned();
        self.database.execute("DELETE FROM numbers WHERE phone = $1", move |query| query.bind(phone)).await.map(drop)
    }

    /// Forgets what is older than `before_ms`, and the oldest beyond `keep`; how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune(&self, before_ms: i64, keep: u32) -> Result<u64, StoreError> {
        self.database
            .execute(
                "DELETE FROM numbers WHERE checked_at_ms <= $1 OR checked_at_ms < COALESCE((SELECT checked_at_ms \
                 FROM numbers ORDER BY checked_at_ms DESC LIMIT 1 OFFSET $2), 0)",
                move |query| query.bind(before_ms).bind(i64::from(keep)),
            )
            .await
    }
}
