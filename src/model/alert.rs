//! What a person has to know: raised once, resolved once.

use serde::{Deserialize, Serialize};

/// How soon a person is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It goes on, but not for ever.
    Warning,
    /// Something stands still until a person acts.
    Critical,
}

/// One problem of one session, or the end of it. Its code names the problem: what is raised under a code is resolved under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Such as `attempts_spent` or `whatsapp_restricted`.
    pub code: String,
    /// How soon a person is needed.
    pub severity: Severity,
    /// Whether the problem is over.
    pub is_resolved: bool,
    /// What happened and what to do.
    pub message: String,
}

impl Alert {
    /// A problem that a person should know of.
    #[must_use]
    pub fn raised(code: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), severity, is_resolved: false, message: message.into() }
    }

    /// The end of the problem with this code.
    #[must_use]
    pub fn resolved(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), severity: Severity::Info, is_resolved: true, message: message.into() }
    }
}
