//! The settings of alerts and of the mail server that tells them.

use std::{fmt, path::PathBuf};

use serde::Deserialize;

use super::sections::masked;
use crate::model::{Language, Severity};

/// `[alerts]`: what a person is told, and whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// The addresses that get every session's alerts.
    pub recipients: Vec<String>,
    /// The least severity that is mailed.
    pub severity: Severity,
    /// The language of the mails.
    pub language: Language,
    /// How long a problem is not mailed again, in seconds.
    pub quiet_s: u64,
    /// A folder whose templates replace built-in ones. Empty: none.
    pub templates: PathBuf,
    /// Seconds between two looks at queues, dead letters and the disk.
    pub check_s: u64,
    /// When those are a problem.
    #[serde(flatten)]
    pub thresholds: AlertThresholds,
}

/// From when on something is a problem; 0 never makes it one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AlertThresholds {
    /// Messages that wait in a session's queue.
    pub queue_messages: u64,
    /// How long the oldest may wait while nothing is sent, in seconds.
    pub queue_stuck_s: u64,
    /// Dead letters of a session.
    pub dead_letters: u64,
    /// What must be free on the data folder's disk, in MB.
    pub disk_free_mb: u64,
}

/// `[smtp]`: the mail server.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Also `SMTP_URL`. Empty: no mail is sent.
    pub url: String,
    /// Whether `smtp://` is encrypted.
    pub encryption: Encryption,
    /// Whose mails they are. Empty: drover at the server's domain.
    pub from: String,
    /// A certificate authority's file (PEM). Empty: those that the system trusts.
    pub ca_file: String,
    /// How long the server may take, in seconds.
    pub timeout_s: u64,
}

/// How a connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// `smtps://` from the start, `smtp://` by STARTTLS; where the server does not offer it, nothing is sent.
    Required,
    /// Not at all, for a server on this machine or its own network.
    None,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Smtp")
            .field("url", &masked(&self.url))
            .field("encryption", &self.encryption)
            .field("from", &self.from)
            .field("ca_file", &self.ca_file)
            .field("timeout_s", &self.timeout_s)
            .finish()
    }
}
