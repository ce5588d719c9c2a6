//! The table `sessions`: what the operator made, and what was last seen of it.

use serde_json::Value;
use sqlx::any::AnyRow;

use super::{
    StoreError,
    database::{AnyQuery, Database},
    row::{Columns, name_of, to_json},
};
use crate::model::{Desired, Me, Reason, SessionName, SessionRecord, SessionState};

/// The table `sessions`.
#[derive(Debug, Clone)]
pub struct Sessions {
    database: Database,
}

impl Sessions {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds a session; false when the name is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(&self, session: &SessionRecord) -> Result<bool, StoreError> {
        let session = session.clone();
        self.write_one(
            "INSERT INTO sessions (name, desired, state, reason, me, config, created_at_ms, web_version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            move |query| {
                query
                    .bind(session.name.to_string())
                    .bind(name_of(&session.desired))
                    .bind(session.state.as_str())
                    .bind(session.reason.as_ref().map(to_json))
                    .bind(session.me.as_ref().map(to_json))
                    .bind(to_json(&session.config))
                    .bind(session.created_at_ms)
                    .bind(session.web_version)
            },
        )
        .await
    }

    /// One session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, name: &SessionName) -> Result<Option<SessionRecord>, StoreError> {
        let row = sqlx::query("SELECT * FROM sessions WHERE name = $1")
            .bind(name.to_string())
            .fetch_optional(&mut *self.database.reader().await?)
            .await?;
        row.as_ref().map(decode).transpose()
    }

    /// All sessions, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<SessionRecord>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM sessions ORDER BY name").fetch_all(&mut *self.database.reader().await?).await?;
        rows.iter().map(decode).collect()
    }

    /// What the operator wants; false when there is no such session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_desired(&self, name: &SessionName, desired: Desired) -> Result<bool, StoreError> {
        let name = name.to_string();
        self.write_one("UPDATE sessions SET desired = $2 WHERE name = $1", move |query| {
            query.bind(name).bind(name_of(&desired))
        })
        .await
    }

    /// What was seen; false when there is no such session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_state(
        &self,
        name: &SessionName,
        state: SessionState,
        reason: Option<&Reason>,
    ) -> Result<bool, StoreError> {
        let (name, reason) = (name.to_string(), reason.map(to_json));
        self.write_one("UPDATE sessions SET state = $2, reason = $3 WHERE name = $1", move |query| {
            query.bind(name).bind(state.as_str()).bind(reason)
        })
        .await
    }

    /// The account it is linked to; false when there is no such session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_me(&self, name: &SessionName, me: Option<&Me>) -> Result<bool, StoreError> {
        let (name, me) = (name.to_string(), me.map(to_json));
        self.write_one("UPDATE sessions SET me = $2 WHERE name = $1", move |query| query.bind(name).bind(me)).await
    }

    /// The version of WhatsApp Web that its page has; false when there is no such session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_web_version(&self, name: &SessionName, version: &str) -> Result<bool, StoreError> {
        let (name, version) = (name.to_string(), version.to_owned());
        self.write_one("UPDATE sessions SET web_version = $2 WHERE name = $1", move |query| {
            query.bind(name).bind(version)
        })
        .await
    }

    /// WAHA's `config`; false when there is no such session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_config(&self, name: &SessionName, config: &Value) -> Result<bool, StoreError> {
        let (name, config) = (name.to_string(), to_json(config));
        self.write_one("UPDATE sessions SET config = $2 WHERE name = $1", move |query| query.bind(name).bind(config))
            .await
    }

    /// Removes a session; its messages stay, see [`super::Messages::bury_all`]. False when there is no such session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, name: &SessionName) -> Result<bool, StoreError> {
        let name = name.to_string();
        self.write_one("DELETE FROM sessions WHERE name = $1", move |query| query.bind(name)).await
    }

    /// Executes a statement about one session; whether it found one.
    async fn write_one<B>(&self, sql: &'static str, bind: B) -> Result<bool, StoreError>
    where
        B: FnOnce(AnyQuery) -> AnyQuery + Send + 'static,
    {
        self.database.execute(sql, bind).await.map(|rows| rows > 0)
    }
}

fn decode(row: &AnyRow) -> Result<SessionRecord, StoreError> {
    let columns = Columns::of("sessions", row);
    Ok(SessionRecord {
        name: columns.parsed("name")?,
        desired: columns.named("desired")?,
        state: columns.parsed("state")?,
        reason: columns.optional_json("reason")?,
        me: columns.optional_json("me")?,
        config: columns.json("config")?,
        web_version: columns.optional_text("web_version")?,
        created_at_ms: columns.number("created_at_ms")?,
    })
}
