//! Connections to the database, and the two ways to write.
//!
//! PostgreSQL: a transaction a write, on a pool. SQLite has one writer at a time: all writes go through one connection, owned
//! by one task that commits as a group what waits at the same time (see [`super::group`]), while reads have a pool of their
//! own; so no write of ours ever meets another's lock.

use std::{
    fs, io,
    ops::{Deref, DerefMut},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use metrics::histogram;
use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Connection,
    any::{AnyArguments, AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
    pool::PoolConnection,
    sqlite::SqliteConnectOptions,
};

use super::{StoreError, group::GroupWriter, snapshot::Engine};

const SQLITE_SCHEME: &str = "sqlite:";

/// How long a write waits for another program's lock on the SQLite file.
const BUSY_TIMEOUT_MS: u32 = 5_000;
/// A pool that cannot give a connection within this time says so.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const SQLITE_READERS: u32 = 4;
/// What a reader keeps of the file for itself, in KiB; the system's own cache is behind it.
const SQLITE_READER_CACHE_KIB: u32 = 512;
/// A reader that nobody needed for so long is closed: it holds a thread, and the schema once more.
const SQLITE_READER_IDLE: Duration = Duration::from_secs(60);
const POSTGRES_CONNECTIONS: u32 = 16;

pub(super) static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
pub(super) static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// The connections. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Database {
    readers: AnyPool,
    writer: Writer,
}

#[derive(Debug, Clone)]
enum Writer {
    /// SQLite.
    Group(Arc<GroupWriter>),
    /// PostgreSQL: the readers' pool writes too.
    Pool,
}

impl Database {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        match scheme(url) {
            "sqlite" => Self::open_sqlite(url).await,
            "postgres" | "postgresql" => Self::open_postgres(url).await,
            other => Err(StoreError::UnknownDatabase { scheme: other.to_owned() }),
        }
    }

    async fn open_sqlite(url: &str) -> Result<Self, StoreError> {
        let options = parse(url)?;
        let path = sqlite_path(url)?;
        make_private(&path).map_err(|source| StoreError::File { path, source })?;
        let failed = |source| StoreError::Open { url: url.to_owned(), source };

        let mut connection = options.connect().await.map_err(failed)?;
        set_up_sqlite(&mut connection).await.map_err(failed)?;
        SQLITE_MIGRATIONS.run(&mut connection).await.map_err(StoreError::Migrate)?;

        let readers = AnyPoolOptions::new()
            .min_connections(1)
            .max_connections(SQLITE_READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(SQLITE_READER_IDLE)
            .max_lifetime(None)
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(set_up_sqlite_reader(connection)))
            .connect_with(options)
            .await
            .map_err(failed)?;
        Ok(Self { readers, writer: Writer::Group(Arc::new(GroupWriter::start(connection))) })
    }

    async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        let options = parse(url)?;
        let shown = without_password(&options);
        let pool = AnyPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { url: shown, source })?;
        POSTGRES_MIGRATIONS.run(&pool).await.map_err(StoreError::Migrate)?;
        Ok(Self { readers: pool, writer: Writer::Pool })
    }

    /// Writes what waits, then closes.
    pub(super) async fn close(&self) {
        if let Writer::Group(writer) = &self.writer {
            writer.close().await;
        }
        self.readers.close().await;
    }

    /// Open connections of the pool, and the idle ones of them.
    pub(super) fn connections(&self) -> (u64, u64) {
        (u64::from(self.readers.size()), self.readers.num_idle() as u64)
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.reader().await?.ping().await.map_err(StoreError::from)
    }

    pub(super) fn engine(&self) -> Engine {
        match self.writer {
            Writer::Group(_) => Engine::Sqlite,
            Writer::Pool => Engine::Postgres,
        }
    }

    /// A connection to read with.
    pub(super) async fn reader(&self) -> Result<Reader, StoreError> {
        let asked = Instant::now();
        let connection = self.readers.acquire().await?;
        histogram!("drover_database_wait_seconds").record(asked.elapsed());
        Ok(Reader { connection, since: Instant::now() })
    }

    /// Does `work` in a transaction: all of it is durable when this answers `Ok`, none of it when the work or this fails.
    /// A call that is dropped half-way may be committed all the same, whole.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let began = Instant::now();
        let written = match &self.writer {
            Writer::Group(writer) => writer.write(work).await,
            Writer::Pool => self.write_in_transaction(work).await,
        };
        histogram!("drover_database_call_seconds", "operation" => "write").record(began.elapsed());
        written
    }

    async fn write_in_transaction<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>,
    {
        let mut transaction = self.readers.begin().await?;
        let done = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Writes with one statement; the number of rows that it found.
    pub(super) async fn execute<B>(&self, sql: &'static str, bind: B) -> Result<u64, StoreError>
    where
        B: FnOnce(AnyQuery) -> AnyQuery + Send + 'static,
    {
        self.write(move |connection| {
            Box::pin(async move { Ok(bind(sqlx::query(sql)).execute(connection).await?.rows_affected()) })
        })
        .await
    }
}

/// A connection to read with. How long it was held is measured.
#[derive(Debug)]
pub(super) struct Reader {
    connection: PoolConnection<sqlx::Any>,
    since: Instant,
}

impl Deref for Reader {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        histogram!("drover_database_call_seconds", "operation" => "read").record(self.since.elapsed());
    }
}

/// A statement with its values.
pub(super) type AnyQuery = sqlx::query::Query<'static, sqlx::Any, AnyArguments>;

/// How an address starts.
pub(super) fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

pub(super) fn parse(url: &str) -> Result<AnyConnectOptions, StoreError> {
    url.parse().map_err(|source| StoreError::InvalidAddress { scheme: scheme(url).to_owned(), source })
}

pub(super) fn without_password(options: &AnyConnectOptions) -> String {
    let mut url = options.database_url.clone();
    // Fails only for addresses that have no place for a password.
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

/// The file that a SQLite address means. One in memory would lose everything at the end.
pub(super) fn sqlite_path(url: &str) -> Result<PathBuf, StoreError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(StoreError::UnknownDatabase { scheme: "sqlite::memory".to_owned() });
    }
    let options: SqliteConnectOptions =
        url.parse().map_err(|source| StoreError::InvalidAddress { scheme: "sqlite".to_owned(), source })?;
    Ok(options.get_filename().to_owned())
}

/// The address of a file, whose path may hold what has a meaning in an address.
pub(super) fn sqlite_url(path: &Path) -> String {
    let mut url = SQLITE_SCHEME.to_owned();
    for character in path.display().to_string().chars() {
        match character {
            '%' | '?' | '#' => url.push_str(&format!("%{:02X}", u32::from(character))),
            other => url.push(other),
        }
    }
    url
}

/// Makes the file before SQLite does, readable for its owner alone; its journal inherits the mode.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).open(path).map(drop)
}

async fn set_up_sqlite(connection: &mut AnyConnection) -> sqlx::Result<()> {
    let pragmas = format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas)).execute(connection).await.map(drop)
}

async fn set_up_sqlite_reader(connection: &mut AnyConnection) -> sqlx::Result<()> {
    let pragmas = format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA query_only = ON; \
         PRAGMA cache_size = -{SQLITE_READER_CACHE_KIB};"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas)).execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_writes_waits_for_the_disk() {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drover.db");
        make_private(&path).unwrap();
        let mut connection = AnyConnection::connect(&sqlite_url(&path)).await.unwrap();
        set_up_sqlite(&mut connection).await.unwrap();
        for (pragma, expected) in
            [("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", i64::from(BUSY_TIMEOUT_MS))]
        {
            let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
            let (value,): (i64,) = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        let (mode,): (String,) = sqlx::query_as("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn no_error_shows_a_password() {
        let options = parse("postgres://user:secret@host:5432/name?password=secret").unwrap();
        assert_eq!(without_password(&options), "postgres://user@host:5432/name");
    }
}
