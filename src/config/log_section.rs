//! The settings of log lines.

use std::path::PathBuf;

use serde::Deserialize;

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A filter such as `info` or `drover=debug`; also `LOG_LEVEL`.
    pub level: String,
    /// The shape of the lines.
    pub format: LogFormat,
    /// A file that gets them, too, one object a line. Empty: none.
    pub file: PathBuf,
    /// How long it may get, in bytes.
    pub file_max_bytes: u64,
    /// How many full ones are kept beside it.
    pub files: u32,
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For people.
    Pretty,
    /// For programs: one object a line.
    Json,
}
