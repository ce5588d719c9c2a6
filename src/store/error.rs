//! What can go wrong with the database, in words that say what to do.

use std::{borrow::Cow, path::PathBuf, sync::Arc};

/// The database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is neither SQLite's nor PostgreSQL's.
    #[error(
        "'{scheme}:' is no database that drover knows: use sqlite:<path> or postgres://user:password@host/database \
         (DATABASE_URL, or [database] url)"
    )]
    UnknownDatabase {
        /// How the address starts; the rest may hold a password.
        scheme: String,
    },
    /// The address cannot be read.
    #[error(
        "the {scheme} address of the database cannot be read: {source}; use sqlite:<path> or \
         postgres://user:password@host/database (DATABASE_URL, or [database] url)"
    )]
    InvalidAddress {
        /// How it starts.
        scheme: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The SQLite file cannot be made or opened.
    #[error("the database file {} cannot be used: {source}; check that its folder exists and is writable", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database does not answer.
    #[error("the database {url} cannot be opened: {source}; check that it runs and that DATABASE_URL is right")]
    Open {
        /// The address, without its password.
        url: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error(
        "the database's schema cannot be brought up to date: {0}; if a newer drover has used this database, run that \
         one"
    )]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Another program holds SQLite's write lock for longer than drover waits.
    #[error("the database is locked by another program: end whatever holds it (a backup, a shell), then try again")]
    Locked(#[source] Arc<sqlx::Error>),
    /// A snapshot must not be put into what is in use.
    #[error("{what} is not empty: a restore needs a database that is (set DATABASE_URL to another)")]
    NotEmpty {
        /// What is in use.
        what: String,
    },
    /// A statement failed.
    #[error("the database failed: {0}")]
    Query(#[source] Arc<sqlx::Error>),
    /// A row holds what drover never writes.
    #[error("a row of {table} cannot be read: {column} is wrong: {detail}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The store was closed.
    #[error("the database is closed: drover is shutting down")]
    Closed,
}

/// SQLite's result codes for a lock that another holds: `SQLITE_BUSY`, its extended forms, and `SQLITE_LOCKED`.
const LOCKED_CODES: &[&str] = &["5", "261", "517", "773", "6"];

impl StoreError {
    /// The failure of a commit, or of what comes before the work, told to everyone who shared it.
    pub(super) fn of_group(error: Arc<sqlx::Error>) -> Self {
        let is_locked = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| LOCKED_CODES.contains(&code.as_ref()));
        let (told, kind) = match *error {
            _ if is_locked => (Self::Locked(error), "locked"),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => return Self::Closed,
            sqlx::Error::PoolTimedOut => (Self::Query(error), "no_connection"),
            _ => (Self::Query(error), "failed"),
        };
        // Every failure of the database is told through here.
        metrics::counter!("drover_database_errors_total", "kind" => kind).increment(1);
        told
    }
}

/// SQLite's result codes for a value that does not fit: `SQLITE_TOOBIG`, `SQLITE_CONSTRAINT`, `SQLITE_MISMATCH`.
const ROW_CODES: &[&str] = &["18", "19", "20"];
/// PostgreSQL's codes are of five characters; SQLite's never.
const SQLSTATE_LENGTH: usize = 5;
/// SQLite's primary result codes for a disk that takes nothing: `SQLITE_READONLY`, `SQLITE_IOERR`, `SQLITE_FULL`. An extended code has
/// them in its lowest byte.
const DISK_CODES: &[u32] = &[8, 10, 13];
/// PostgreSQL's: `disk_full`, `io_error`, `read_only_sql_transaction`.
const DISK_STATES: &[&str] = &["53100", "58030", "25006"];

impl StoreError {
    /// Whether a transaction of many rows failed for one of them, so that each does better alone: by PostgreSQL's classes 22
    /// (data exception) and 23 (integrity constraint violation).
    pub(super) fn is_of_a_row(&self) -> bool {
        self.code().is_some_and(|code| {
            ROW_CODES.contains(&code.as_ref())
                || (code.len() == SQLSTATE_LENGTH && (code.starts_with("22") || code.starts_with("23")))
        })
    }

    /// Whether PostgreSQL took the transaction back for another's sake (class 40: they waited for each other), so that it is to
    /// be begun anew.
    pub(super) fn is_rolled_back_for_another(&self) -> bool {
        self.code().is_some_and(|code| code.len() == SQLSTATE_LENGTH && code.starts_with("40"))
    }

    /// Whether the database's disk takes nothing: it is full, read-only or broken.
    #[must_use]
    pub fn is_of_disk(&self) -> bool {
        self.code().is_some_and(|code| match code.parse::<u32>() {
            _ if code.len() == SQLSTATE_LENGTH => DISK_STATES.contains(&code.as_ref()),
            Ok(number) => DISK_CODES.contains(&(number & 0xff)),
            Err(_) => false,
        })
    }

    /// Whether the database was not even asked: it is locked, away, or has no connection left.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        match self {
            Self::Locked(_) | Self::Open { .. } => true,
            Self::Query(error) => matches!(**error, sqlx::Error::PoolTimedOut),
            _ => false,
        }
    }

    /// Whether the connection broke while it was asked: what became of it is not known.
    #[must_use]
    pub fn is_broken_off(&self) -> bool {
        matches!(self, Self::Query(error) if matches!(**error, sqlx::Error::Io(_)))
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        let Self::Query(error) = self else { return None };
        error.as_database_error().and_then(sqlx::error::DatabaseError::code)
    }

    /// The same for another who shared the transaction that failed.
    pub(super) fn copied(&self) -> Self {
        match self {
            Self::Locked(error) => Self::Locked(Arc::clone(error)),
            Self::Query(error) => Self::Query(Arc::clone(error)),
            Self::Closed => Self::Closed,
            // What a transaction that was begun does not fail with.
            other => Self::Query(Arc::new(sqlx::Error::Protocol(other.to_string()))),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::of_group(Arc::new(error))
    }
}
