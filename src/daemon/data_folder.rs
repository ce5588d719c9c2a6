//! The data folder: there, writable, and ours alone.

use std::{
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::host::{FileLock, TryLock};

/// The data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DataFolderError {
    /// It cannot be made or written to.
    #[error(
        "the data folder {} cannot be written to ({source}): make it writable for this user, or set DROVER_DATA_DIR to another",
        path.display()
    )]
    NotWritable {
        /// Which folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another drover runs on it.
    #[error(
        "the data folder {} is in use by another drover{}: stop that one first, or set DROVER_DATA_DIR to another folder",
        path.display(),
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// Which folder.
        path: PathBuf,
        /// By whom, where that is known.
        holder: Option<u32>,
    },
}

/// The data folder, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    lock: FileLock,
}

impl DataFolder {
    /// Makes the folder (0700) where it is not there, and locks it.
    ///
    /// # Errors
    /// When it cannot be written to, or another drover has it.
    pub(super) fn open(path: &Path) -> Result<Self, DataFolderError> {
        let not_writable = |source| DataFolderError::NotWritable { path: path.to_owned(), source };
        make(path)?;
        let path = path.canonicalize().map_err(not_writable)?;
        let lock = match FileLock::try_lock(&path.join("drover.lock")).map_err(not_writable)? {
            TryLock::Taken(lock) => lock,
            TryLock::HeldBy(holder) => return Err(DataFolderError::InUse { path, holder }),
        };
        let profiles = path.join("profiles");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&profiles).map_err(not_writable)?;
        std::fs::set_permissions(&profiles, std::fs::Permissions::from_mode(0o700)).map_err(not_writable)?;
        Ok(Self { path, lock })
    }

    /// Where it is, absolute.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the folder go.
    pub(super) fn release(self) {
        self.lock.release();
    }
}

/// Makes the folder (0700) where it is not there.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make(path: &Path) -> Result<(), DataFolderError> {
    if path.is_dir() {
        return Ok(());
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| DataFolderError::NotWritable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_private_and_held_by_one() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("data");
        let held = DataFolder::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let refused = DataFolder::open(&path).unwrap_err();
        assert!(matches!(refused, DataFolderError::InUse { holder: Some(pid), .. } if pid == std::process::id()));
        held.release();
        DataFolder::open(&path).unwrap().release();
        assert!(!path.join("drover.lock").exists());
    }

    #[test]
    fn a_folder_that_is_a_file_is_refused_with_what_to_do() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("data");
        std::fs::write(&path, "").unwrap();
        let refused = DataFolder::open(&path).unwrap_err().to_string();
        assert!(refused.contains("DROVER_DATA_DIR"), "{refused}");
    }
}
