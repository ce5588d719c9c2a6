//! Which migrations a database has, without changing it.

use sqlx::{AnyConnection, Connection, migrate::Migrator};

use super::{
    StoreError,
    database::{self, POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS},
};

/// A step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
    /// Whether the database has it.
    pub is_applied: bool,
}

/// Every migration of this drover, and whether the database has it; then those that the database has of a newer drover.
/// Nothing is changed: a SQLite file that is not there is not made.
///
/// # Errors
/// When the address is no such thing, or the database does not answer.
pub async fn migrations(url: &str) -> Result<Vec<Migration>, StoreError> {
    let (known, applied) = match database::scheme(url) {
        "sqlite" if !database::sqlite_path(url)?.exists() => (&SQLITE_MIGRATIONS, Vec::new()),
        "sqlite" => (&SQLITE_MIGRATIONS, applied(url, "SELECT COUNT(*) FROM sqlite_master WHERE name = $1").await?),
        "postgres" | "postgresql" => {
            let sql = "SELECT COUNT(*) FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid)";
            (&POSTGRES_MIGRATIONS, applied(url, sql).await?)
        }
        other => return Err(StoreError::UnknownDatabase { scheme: other.to_owned() }),
    };
    Ok(listed(known, &applied))
}

fn listed(known: &Migrator, applied: &[(i64, String)]) -> Vec<Migration> {
    let ours = known.iter().map(|migration| Migration {
        version: migration.version,
        description: migration.description.to_string(),
        is_applied: applied.iter().any(|(version, _)| *version == migration.version),
    });
    let newer = applied.iter().filter(|(version, _)| !known.version_exists(*version)).map(|(version, description)| {
        Migration { version: *version, description: format!("{description} (of a newer drover)"), is_applied: true }
    });
    ours.chain(newer).collect()
}

/// What sqlx has noted as done; nothing where its table is not there yet.
async fn applied(url: &str, count_tables: &'static str) -> Result<Vec<(i64, String)>, StoreError> {
    sqlx::any::install_default_drivers();
    let options = database::parse(url)?;
    let shown = database::without_password(&options);
    let mut connection =
        AnyConnection::connect_with(&options).await.map_err(|source| StoreError::Open { url: shown, source })?;
    let (tables,): (i64,) =
        sqlx::query_as(count_tables).bind(&*SQLITE_MIGRATIONS.table_name).fetch_one(&mut connection).await?;
    let applied = if tables == 0 {
        Vec::new()
    } else {
        let sql = "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";
        sqlx::query_as(sql).fetch_all(&mut connection).await?
    };
    connection.close().await?;
    Ok(applied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, sqlite_url};

    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_made_and_one_that_was_opened_has_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("drover.db");
        let url = sqlite_url(&path);
        let before = migrations(&url).await.expect("a list");
        assert!(!path.exists() && !before.is_empty() && before.iter().all(|migration| !migration.is_applied));
        Store::open(&url).await.expect("a database").close().await;
        let after = migrations(&url).await.expect("a list");
        assert!(after.iter().all(|migration| migration.is_applied), "{after:?}");
        assert_eq!(after.len(), before.len());
    }

    #[tokio::test]
    async fn an_empty_database_has_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("drover.db");
        std::fs::write(&path, "").expect("written");
        let listed = migrations(&sqlite_url(&path)).await.expect("a list");
        assert!(listed.iter().all(|migration| !migration.is_applied));
    }

    #[test]
    fn what_a_newer_drover_did_is_told() {
        let listed = listed(&SQLITE_MIGRATIONS, &[(1, "initial".to_owned()), (9_000, "later".to_owned())]);
        assert!(listed[0].is_applied && !listed[1].is_applied);
        let last = listed.last().expect("some");
        assert_eq!((last.version, last.description.as_str()), (9_000, "later (of a newer drover)"));
    }
}
