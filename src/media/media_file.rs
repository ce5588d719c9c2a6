//! A file that can be sent now.

use std::path::{Path, PathBuf};

use tempfile::TempPath;

/// A file that can be sent now: there, whole, and what it should be. One that was fetched is removed when this is dropped.
#[derive(Debug)]
pub struct MediaFile {
    pub(super) place: Place,
    /// Its type, with parameters where they matter (`audio/ogg; codecs=opus`).
    pub mime: String,
    /// What it is called; never empty, without path and control characters.
    pub file_name: String,
    /// Its length; never 0.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// Where it lies.
#[derive(Debug)]
pub(super) enum Place {
    /// It was made for this.
    Temporary(TempPath),
    /// It is kept.
    Kept(PathBuf),
}

impl MediaFile {
    /// Where it lies, absolute if the data folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Temporary(path) => path,
            Place::Kept(path) => path,
        }
    }
}
