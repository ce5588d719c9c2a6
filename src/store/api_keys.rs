//! The table `api_keys`: hashes of keys and what they open.

use sqlx::any::AnyRow;

use super::{
    StoreError,
    database::Database,
    row::{Columns, to_json},
};
use crate::model::SessionName;

/// An API key as the store holds it: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its public id.
    pub id: String,
    /// SHA-256 of the key, in hex; unique.
    pub hash: String,
    /// Whether it opens everything.
    pub is_admin: bool,
    /// The only session it opens; None: all.
    pub session: Option<SessionName>,
    /// What it may do there; empty: everything.
    pub actions: Vec<String>,
    /// Whether it opens anything at all.
    pub is_active: bool,
    /// Unix time in milliseconds.
    pub created_at_ms: i64,
}

/// The table `api_keys`.
#[derive(Debug, Clone)]
pub struct ApiKeys {
    database: Database,
}

impl ApiKeys {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds a key; false when its id or hash is there already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(&self, key: &ApiKeyRecord) -> Result<bool, StoreError> {
        let key = key.clone();
        let inserted = self
            .database
            .execute(
                "INSERT INTO api_keys (id, hash, is_admin, session, actions, is_active, created_at_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                move |query| {
                    query
                        .bind(key.id)
                        .bind(key.hash)
                        .bind(i64::from(key.is_admin))
                        .bind(key.session.map(String::from))
                        .bind(to_json(&key.actions))
                        .bind(i64::from(key.is_active))
                        .bind(key.created_at_ms)
                },
            )
            .await?;
        Ok(inserted > 0)
    }

    /// Replaces what a key opens, by its id (the hash and the time of creation stay); false when there is no such key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update(&self, key: &ApiKeyRecord) -> Result<bool, StoreError> {
        let key = key.clone();
        let updated = self
            .database
            .execute(
                "UPDATE api_keys SET is_admin = $2, session = $3, actions = $4, is_active = $5 WHERE id = $1",
                move |query| {
                    query
                        .bind(key.id)
                        .bind(i64::from(key.is_admin))
                        .bind(key.session.map(String::from))
                        .bind(to_json(&key.actions))
                        .bind(i64::from(key.is_active))
                },
            )
            .await?;
        Ok(updated > 0)
    }

    /// A key by its id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.find("SELECT * FROM api_keys WHERE id = $1", id).await
    }

    /// The key with this hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_by_hash(&self, hash: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.find("SELECT * FROM api_keys WHERE hash = $1", hash).await
    }

    async fn find(&self, sql: &'static str, value: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        let mut reader = self.database.reader().await?;
        let row = sqlx::query(sql).bind(value.to_owned()).fetch_optional(&mut *reader).await?;
        row.as_ref().map(decode).transpose()
    }

    /// All keys, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let mut reader = self.database.reader().await?;
        let rows = sqlx::query("SELECT * FROM api_keys ORDER BY created_at_ms, id").fetch_all(&mut *reader).await?;
        rows.iter().map(decode).collect()
    }

    /// Removes a key; false when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let deleted = self.database.execute("DELETE FROM api_keys WHERE id = $1", move |query| query.bind(id)).await?;
        Ok(deleted > 0)
    }
}

fn decode(row: &AnyRow) -> Result<ApiKeyRecord, StoreError> {
    let columns = Columns::of("api_keys", row);
    Ok(ApiKeyRecord {
        id: columns.text("id")?,
        hash: columns.text("hash")?,
        is_admin: columns.flag("is_admin")?,
        session: columns.optional_parsed("session")?,
        actions: columns.json("actions")?,
        is_active: columns.flag("is_active")?,
        created_at_ms: columns.number("created_at_ms")?,
    })
}
