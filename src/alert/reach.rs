//! Whether the mail server of the settings would take a mail, without sending one.

use super::{error::AlertError, smtp::Mailer};
use crate::config;

/// Why no mail would leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// For programs: `smtp_unreachable`, `smtp_timeout`, `smtp_tls`, `smtp_login`, `smtp_refused`, `smtp_rejected`, `smtp_deferred`,
    /// or `smtp_settings`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// Connects as for a mail: greeting, encryption, login. None when the settings name no server, else where it is. Within a runtime
/// and after a provider of rustls was installed.
///
/// # Errors
/// When the settings cannot be used, or the server does not let us in.
pub async fn reach(settings: &config::Smtp) -> Result<Option<String>, Unreachable> {
    let mailer = Mailer::new(settings)
        .map_err(|error: AlertError| Unreachable { code: "smtp_settings", message: error.to_string() })?;
    let Some(mailer) = mailer else { return Ok(None) };
    match mailer.log_in().await {
        Ok(()) => Ok(Some(mailer.place().to_owned())),
        Err(failure) => Err(Unreachable { code: failure.code, message: failure.message }),
    }
}
