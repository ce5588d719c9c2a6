//! How a command fails: one line for people, one exit code for programs.

use std::{io, path::PathBuf};

use crate::{backup::BackupError, config::ConfigError};

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The daemon.
    #[error("{}", said_once(.0))]
    Daemon(anyhow::Error),
    /// Log lines.
    #[error(transparent)]
    Telemetry(#[from] crate::telemetry::TelemetryError),
    /// Threads.
    #[error("the runtime cannot be started: {0}")]
    Runtime(#[source] io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A backup, or a login that is copied.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A file of the person's.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was asked makes no sense as it was asked.
    #[error("{0}")]
    Usage(String),
    /// It was tried, and did not come out well.
    #[error("{0}")]
    NotDone(String),
    /// stdout.
    #[error("the answer cannot be written: {0}")]
    Output(#[from] io::Error),
    /// `http.port` is 0, so nobody knows the address.
    #[error(
        "http.port is 0, so the address is not known: give the one that `drover serve` printed, with --url or DROVER_URL"
    )]
    UnknownAddress,
    /// What was given as address is none.
    #[error("'{url}' is no address of a drover: use one such as http://127.0.0.1:3000")]
    WrongAddress {
        /// What was given.
        url: String,
    },
    /// No key.
    #[error("there is no key to ask with: {} cannot be read ({source}); set DROVER_API_KEY, or start drover with `drover serve`, which makes one there", path.display())]
    NoKey {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// Nobody answers.
    #[error("no drover answers at {url} ({cause}): start it with `drover serve`, or give the address with --url")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        cause: String,
    },
    /// The daemon refused.
    #[error("{message} ({code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// The problem's sentence.
        message: String,
    },
    /// The answer is none of drover's.
    #[error("what answers at {url} is no drover that this one understands: {cause}")]
    NoDrover {
        /// Where.
        url: String,
        /// What is wrong.
        cause: String,
    },
    /// It answers, and is not well.
    #[error("the drover at {url} is not ready: {why}")]
    NotReady {
        /// Where.
        url: String,
        /// What it says.
        why: String,
    },
    /// Linking ended without a link.
    #[error("{0}")]
    NotLinked(String),
    /// A mail was not sent.
    #[error("{failed} of {of} mails were not sent")]
    NotMailed {
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// What cannot be taken back was not confirmed.
    #[error("this {what}: add --yes to do it")]
    Unconfirmed {
        /// What it does.
        what: String,
    },
    /// Ctrl-C.
    #[error("interrupted{0}")]
    Interrupted(&'static str),
}

impl CliError {
    /// The code that the process ends with.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Usage(_)
            | Self::Backup(BackupError::NoKey(_) | BackupError::NotEmpty { .. })
            | Self::UnknownAddress
            | Self::WrongAddress { .. }
            | Self::Unconfirmed { .. } => 2,
            Self::Unreachable { .. } | Self::NoDrover { .. } => 3,
            Self::NoKey { .. } | Self::Refused { status: 401 | 403, .. } => 4,
            Self::Interrupted(_) => 130,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Daemon(_)
            | Self::Telemetry(_)
            | Self::Runtime(_)
            | Self::Output(_)
            | Self::Store(_)
            | Self::Backup(_)
            | Self::File { .. }
            | Self::NotDone(_)
            | Self::Refused { .. }
            | Self::NotReady { .. }
            | Self::NotMailed { .. }
            | Self::NotLinked(_) => 1,
        }
    }
}

/// An error and its causes in one line; a cause that the text before has told already is left out.
fn said_once(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let told = || io::Error::other("the disk is full");
        let error = BackupError::File { path: "/data".into(), source: told() };
        assert_eq!(CliError::Daemon(error.into()).to_string(), "/data cannot be used: the disk is full");
        let untold = Err::<(), _>(told()).context("the database is not there").expect_err("an error");
        assert_eq!(CliError::Daemon(untold).to_string(), "the database is not there: the disk is full");
    }
}
