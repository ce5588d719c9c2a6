//! Why the settings were refused; each message is one line that says what to do.

use std::path::PathBuf;

use super::Origin;

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was asked for, or `.env`, cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its format demands.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What is wrong there.
        message: String,
    },
    /// A key that is no setting.
    #[error("{name} is no setting of drover ({origin}){}", nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean {name}?")))]
    UnknownSetting {
        /// Where.
        origin: Origin,
        /// The key.
        name: String,
        /// The setting with the most similar name.
        nearest: Option<String>,
    },
    /// A value that is not allowed.
    #[error("{name} is {value} ({origin}): it must be {allowed}")]
    Value {
        /// The setting.
        name: String,
        /// Where it was set.
        origin: Origin,
        /// The value; masked where the setting is a secret.
        value: String,
        /// What is allowed.
        allowed: String,
    },
}
