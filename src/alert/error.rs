//! What can go wrong with alerts.

use crate::store::StoreError;

/// Alerts cannot be opened, changed or tried out.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The mail server cannot be used as it is named.
    #[error("{setting} cannot be used: {why}")]
    Smtp {
        /// Which setting.
        setting: &'static str,
        /// Why not, and what to do.
        why: String,
    },
    /// No mail server is named.
    #[error("no mail server is named: set smtp.url (or SMTP_URL), such as smtp://user:password@mail.example.com:587")]
    NoServer,
    /// Nobody is named.
    #[error("nobody is named to send it to: set alerts.recipients, or give an address with the test")]
    NoRecipient,
    /// There is no such kind of mail.
    #[error("there is no alert '{0}'")]
    UnknownKind(String),
    /// A mail cannot be written.
    #[error("the mail cannot be written: {0}")]
    Template(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
