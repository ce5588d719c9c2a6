//! What a person has to know: raised once, resolved once.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// How soon a person is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It goes on, but not for ever.
    Warning,
    /// Something stands still until a person acts.
    Critical,
}

/// A language that people are written to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Spanish.
    Es,
}

impl Language {
    /// Its code (ISO 639-1).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }
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
    /// What programs and mails make of it: a reason, numbers.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

impl Alert {
    /// A problem that a person should know of.
    #[must_use]
    pub fn raised(code: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), severity, is_resolved: false, message: message.into(), details: Map::new() }
    }

    /// With a detail more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Whether it only tells something: it is no problem that lasts, and is never resolved.
    #[must_use]
    pub fn is_notice(&self) -> bool {
        self.severity == Severity::Info && !self.is_resolved
    }

    /// The end of the problem with this code.
    #[must_use]
    pub fn resolved(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            severity: Severity::Info,
            is_resolved: true,
            message: message.into(),
            details: Map::new(),
        }
    }
}
