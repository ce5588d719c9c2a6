//! What a backup says of itself: its last entry.

use serde::{Deserialize, Serialize};

/// The name of its entry.
pub(super) const NAME: &str = "manifest.json";
/// The format that this drover writes and reads.
pub(super) const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The format; another one is refused.
    pub format: u32,
    /// The drover that made it.
    pub version: String,
    /// When, in Unix milliseconds.
    pub made_at_ms: i64,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// The sessions whose login is in it.
    pub sessions: Vec<String>,
    /// The sessions whose login is not in it, though they have one.
    pub missing: Vec<Missing>,
    /// Every other entry, in its order.
    pub parts: Vec<Part>,
}

/// A login that is not in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Whose.
    pub session: String,
    /// Why.
    pub reason: String,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it is in the archive.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256 of it, in hex.
    pub sha256: String,
}

impl Manifest {
    /// One of this drover and format, with nothing in it.
    pub(super) fn new() -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_at_ms: 0,
            database: String::new(),
            sessions: Vec::new(),
            missing: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// The length of all parts together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}
