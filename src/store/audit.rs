//! The table `audit`: who changed what, when, and how it ended.

use sqlx::any::AnyRow;

use super::{StoreError, database::Database, row::Columns};

/// What somebody did, or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// Who.
    pub who: AuditActor,
    /// What, such as `POST /api/sessions/{session}/start`.
    pub action: String,
    /// On what, such as `session=main`; empty when the action says it all.
    pub target: String,
    /// How it ended.
    pub result: AuditResult,
    /// The request's id, under which the log tells more.
    pub request_id: String,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditActor {
    /// The public id of the key.
    pub key_id: String,
    /// The address that asked.
    pub address: String,
}

/// How something ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditResult {
    /// The status of the answer.
    pub status: u16,
    /// The problem's code, if it was refused or failed.
    pub code: Option<String>,
}

/// The table `audit`.
#[derive(Debug, Clone)]
pub struct Audit {
    database: Database,
}

impl Audit {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds an entry; its number is given to it here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit (at_ms, key_id, address, action, target, status, code, request_id) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let bind = move |query: super::database::AnyQuery| {
            let AuditEntry { at_ms, who, action, target, result, request_id, .. } = entry;
            let query = query.bind(at_ms).bind(who.key_id).bind(who.address).bind(action).bind(target);
            query.bind(i64::from(result.status)).bind(result.code).bind(request_id)
        };
        self.database.execute(sql, bind).await.map(drop)
    }

    /// The newest entries, the newest first; with `before`, those with a lower number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = "SELECT * FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let query = sqlx::query(sql).bind(before.unwrap_or(i64::MAX)).bind(i64::from(limit));
        let rows = query.fetch_all(&mut *self.database.reader().await?).await?;
        rows.iter().map(decode).collect()
    }

    /// Removes up to `limit` entries that were made before a time; how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove(&self, before_ms: i64, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)";
        self.database.execute(sql, move |query| query.bind(before_ms).bind(i64::from(limit))).await
    }
}

fn decode(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    let columns = Columns::of("audit", row);
    Ok(AuditEntry {
        id: columns.number("id")?,
        at_ms: columns.number("at_ms")?,
        who: AuditActor { key_id: columns.text("key_id")?, address: columns.text("address")? },
        action: columns.text("action")?,
        target: columns.text("target")?,
        result: AuditResult { status: columns.narrow("status")?, code: columns.optional_text("code")? },
        request_id: columns.text("request_id")?,
    })
}
