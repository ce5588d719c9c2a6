//! A consistent copy of the whole database, taken while others write, and put back into an empty one.
//!
//! SQLite: a file of its own (`VACUUM INTO`). PostgreSQL: every table of drover's by `COPY`, all seen by one transaction, with
//! the number of the schema that they have; what else lies in that database is neither read nor touched.

mod postgres;

use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, Connection};

use super::{
    StoreError,
    database::{self, SQLITE_MIGRATIONS},
};

/// The copy of a SQLite database in its folder.
pub const SQLITE_FILE: &str = "drover.db";

/// Which kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// The kind that an address means.
    ///
    /// # Errors
    /// When it means none that drover knows.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        match database::scheme(url) {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            other => Err(StoreError::UnknownDatabase { scheme: other.to_owned() }),
        }
    }

    /// Its name in a backup.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Writes a copy of the database into a folder that is there.
///
/// # Errors
/// When the database does not answer, or the copy cannot be written.
pub async fn take_snapshot(url: &str, folder: &Path) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    match Engine::of(url)? {
        Engine::Postgres => postgres::take(url, &tables().await?, folder).await,
        Engine::Sqlite => {
            let failed = |source| StoreError::Open { url: url.to_owned(), source };
            let mut connection = AnyConnection::connect(url).await.map_err(failed)?;
            let target = folder.join(SQLITE_FILE);
            let path = target.to_str().ok_or_else(|| StoreError::File {
                path: target.clone(),
                source: std::io::Error::other("its path is no text"),
            })?;
            sqlx::query("VACUUM INTO $1").bind(path.to_owned()).execute(&mut connection).await?;
            Ok(connection.close().await?)
        }
    }
}

/// Refuses a database into which a snapshot must not be put: one that holds anything of drover's. A PostgreSQL that is not
/// used yet passes, and so does a SQLite file that is not there.
///
/// # Errors
/// [`StoreError::NotEmpty`], and when the database does not answer.
pub async fn require_empty(url: &str) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    match Engine::of(url)? {
        Engine::Postgres => postgres::require_empty(url, &tables().await?).await,
        Engine::Sqlite => {
            let path = sqlite_file(url)?;
            if path.exists() { Err(StoreError::NotEmpty { what: path.display().to_string() }) } else { Ok(()) }
        }
    }
}

/// Puts a PostgreSQL's snapshot into an empty database, all of it or nothing.
///
/// # Errors
/// When the database is not empty or fails, or the snapshot is none.
pub async fn load_postgres_snapshot(url: &str, folder: &Path) -> Result<(), StoreError> {
    postgres::load(url, &tables().await?, folder).await
}

/// The file that a SQLite address means.
///
/// # Errors
/// When the address is none.
pub fn sqlite_file(url: &str) -> Result<PathBuf, StoreError> {
    database::sqlite_path(url)
}

/// drover's own tables, by the twin of the schema that needs no server.
async fn tables() -> Result<Vec<String>, StoreError> {
    sqlx::any::install_default_drivers();
    let mut memory = AnyConnection::connect("sqlite::memory:").await?;
    SQLITE_MIGRATIONS.run(&mut memory).await.map_err(StoreError::Migrate)?;
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
               AND name <> '_sqlx_migrations' ORDER BY name";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut memory).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, sqlite_url};

    #[tokio::test]
    async fn a_sqlite_snapshot_is_a_database_of_its_own_while_the_first_is_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = sqlite_url(&folder.path().join("drover.db"));
        let store = Store::open(&url).await.expect("a database");
        store.accounts().linked("1@c.us", 42).await.expect("written");
        let to = folder.path().join("copy");
        std::fs::create_dir(&to).expect("made");
        take_snapshot(&url, &to).await.expect("copied");
        store.close().await;
        let copy = Store::open(&sqlite_url(&to.join(SQLITE_FILE))).await.expect("a database");
        assert_eq!(copy.accounts().linked("1@c.us", 99).await.expect("read"), 42);
        copy.close().await;
        assert!(matches!(require_empty(&url).await, Err(StoreError::NotEmpty { .. })));
    }

    #[tokio::test]
    async fn the_tables_are_drovers_own() {
        let tables = tables().await.expect("a list");
        for expected in ["messages", "attempts", "sessions", "event_counter"] {
            assert!(tables.iter().any(|table| table == expected), "{tables:?}");
        }
        assert!(!tables.iter().any(|table| table.starts_with("sqlite_") || table.starts_with("_sqlx")));
    }
}
