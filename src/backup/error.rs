//! What can go wrong with a backup, in words that say what to do.

use std::{io, path::PathBuf};

use crate::store::StoreError;

/// A backup cannot be made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was read is no backup, or not all of one.
    #[error("the backup is damaged or cut off: {0}; nothing of it was used: take another copy")]
    Damaged(String),
    /// It is a backup of a format that this drover does not know.
    #[error(
        "the backup has format {format}, and this drover knows {known}: use the drover that made it, or a newer one"
    )]
    Unknown {
        /// Its format.
        format: u32,
        /// Ours.
        known: u32,
    },
    /// The passphrase or the key is not the one.
    #[error("the backup cannot be opened with this passphrase or key: give the one that it was made with")]
    WrongKey,
    /// The passphrase or key file holds none.
    #[error("{0}")]
    NoKey(String),
    /// The data folder of a restore is in use.
    #[error(
        "{} is not empty ({found} is in it): a restore needs an empty data folder; name another with --data-dir",
        path.display()
    )]
    NotEmpty {
        /// Which folder.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// A folder holds no login.
    #[error("{} holds no login: {why}", path.display())]
    NoLogin {
        /// Which folder.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A browser has the login.
    #[error("the login in {} is in use ({by}): end that browser first, so that the copy is whole", path.display())]
    InUse {
        /// Which folder.
        path: PathBuf,
        /// By whom.
        by: String,
    },
    /// The settings mean another kind of database than the backup has.
    #[error("the backup is of a {backup} database, and DATABASE_URL means {settings}: {advice}")]
    OtherDatabase {
        /// What the backup holds.
        backup: &'static str,
        /// What the settings mean.
        settings: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever makes the backup broke off.
    #[error("{0}")]
    BrokenOff(String),
}

impl BackupError {
    /// For `map_err`: a failure with this file.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
