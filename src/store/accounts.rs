//! The table `accounts`: when each account was first linked to this drover, whatever session it was linked in.

use super::{StoreError, database::Database, row::Columns};

/// The table `accounts`.
#[derive(Debug, Clone)]
pub struct Accounts {
    database: Database,
}

impl Accounts {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Notes that an account (`<digits>@c.us`) is linked, and answers when it first was; both Unix milliseconds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn linked(&self, id: &str, now_ms: i64) -> Result<i64, StoreError> {
        if let Some(at_ms) = self.first_linked_at(id).await? {
            return Ok(at_ms);
        }
        let noted = id.to_owned();
        self.database
            .execute(
                "INSERT INTO accounts (id, first_linked_at_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                move |query| query.bind(noted).bind(now_ms),
            )
            .await?;
        Ok(self.first_linked_at(id).await?.unwrap_or(now_ms))
    }

    async fn first_linked_at(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT first_linked_at_ms FROM accounts WHERE id = $1")
            .bind(id.to_owned())
            .fetch_optional(&mut *self.database.reader().await?)
            .await?;
        row.as_ref().map(|row| Columns::of("accounts", row).number("first_linked_at_ms")).transpose()
    }
}
