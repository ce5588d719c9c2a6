//! What a database says of itself, without changing it.

use sqlx::{AnyConnection, Connection};

use super::{StoreError, database};
use crate::clock::{Clock, SystemClock};

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// Such as `15.14`.
    pub version: String,
    /// How far its clock is ahead of ours, in milliseconds; None for one that has no clock of its own.
    pub clock_ahead_ms: Option<i64>,
}

/// Asks the database at this address.
///
/// # Errors
/// When the address is no such thing, or the database does not answer.
pub async fn facts(url: &str) -> Result<DatabaseFacts, StoreError> {
    sqlx::any::install_default_drivers();
    match database::scheme(url) {
        "sqlite" => {
            let mut memory = AnyConnection::connect("sqlite::memory:").await?;
            let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()").fetch_one(&mut memory).await?;
            Ok(DatabaseFacts { engine: "SQLite", version, clock_ahead_ms: None })
        }
        "postgres" | "postgresql" => {
            let options = database::parse(url)?;
            let shown = database::without_password(&options);
            let mut connection = AnyConnection::connect_with(&options)
                .await
                .map_err(|source| StoreError::Open { url: shown, source })?;
            let before_ms = SystemClock.now_ms();
            let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT), \
                       CAST(current_setting('server_version') AS TEXT)";
            let (time_ms, version): (i64, String) = sqlx::query_as(sql).fetch_one(&mut connection).await?;
            let after_ms = SystemClock.now_ms();
            connection.close().await?;
            let version = version.split(' ').next().unwrap_or_default().to_owned();
            let clock_ahead_ms = Some(time_ms - (before_ms + after_ms) / 2);
            Ok(DatabaseFacts { engine: "PostgreSQL", version, clock_ahead_ms })
        }
        other => Err(StoreError::UnknownDatabase { scheme: other.to_owned() }),
    }
}
