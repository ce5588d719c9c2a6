//! Why a file could not be had, and whether trying again may help.

use std::{io, time::Duration};

use super::{Kind, mime_type::Mismatch, scratch::WriteError};
use crate::{network::Refused, store::StoreError};

/// A file that is to be sent could not be had. No message holds the URL: it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no URL that can be fetched.
    #[error("the file's URL cannot be used: {0}")]
    InvalidAddress(String),
    /// It is no base64.
    #[error("the file's data is no base64: {0}")]
    InvalidData(String),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than its kind may be.
    #[error(
        "the file is larger than {limit_bytes} bytes, the most for this kind ({}); media.*_max_bytes sets it, and document takes the most",
        kind.as_str()
    )]
    TooLarge {
        /// What it is to be sent as.
        kind: Kind,
        /// The most.
        limit_bytes: u64,
    },
    /// It is not what it is said to be.
    #[error("the file should be {expected}, and is {found}")]
    TypeMismatch {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// There is nothing at its URL, or the upload is gone.
    #[error("there is no such file: {0}")]
    NotFound(String),
    /// The server refuses it.
    #[error("{host} refuses the file: {reason}")]
    Refused {
        /// Who.
        host: String,
        /// Why.
        reason: String,
    },
    /// The server failed, or asks to come later.
    #[error("{host} answered {status}")]
    ServerError {
        /// Who.
        host: String,
        /// How it said so.
        status: u16,
        /// When it asks to come back.
        retry_after: Option<Duration>,
    },
    /// The server cannot be reached.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        reason: String,
    },
    /// It leads inside.
    #[error("{0}")]
    ForbiddenAddress(String),
    /// It leads on and on.
    #[error("the file's URL redirects more than {0} times; use the one that it ends at")]
    TooManyRedirects(u32),
    /// We gave up: the server is too slow, or stands still.
    #[error("{host} is too slow: {reason}")]
    Timeout {
        /// Who.
        host: String,
        /// What took too long.
        reason: String,
    },
    /// The far side ended the connection before the file was whole.
    #[error("{host} ended the download after {received_bytes} bytes{}", total_bytes.map(|total| format!(" of {total}")).unwrap_or_default())]
    Aborted {
        /// Who.
        host: String,
        /// What had arrived.
        received_bytes: u64,
        /// What should have, if that is known.
        total_bytes: Option<u64>,
    },
    /// The last downloads from there failed, so it is left alone for a while.
    #[error("the last downloads from {host} failed; the next is tried in {} s", retry_after.as_secs().max(1))]
    CircuitOpen {
        /// Who.
        host: String,
        /// When it is tried again.
        retry_after: Duration,
    },
    /// Our own disk or database failed.
    #[error("the file cannot be stored: {0}")]
    Storage(String),
}

impl FetchError {
    /// A stable code, for dead letters and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidAddress(_) => "media_invalid_address",
            Self::InvalidData(_) => "media_invalid_data",
            Self::Empty => "media_empty",
            Self::TooLarge { .. } => "media_too_large",
            Self::TypeMismatch { .. } => "media_type_mismatch",
            Self::NotFound(_) => "media_not_found",
            Self::Refused { .. } => "media_refused",
            Self::ServerError { .. } => "media_server_error",
            Self::Unreachable { .. } => "media_unreachable",
            Self::ForbiddenAddress(_) => "media_forbidden_address",
            Self::TooManyRedirects(_) => "media_too_many_redirects",
            Self::Timeout { .. } => "media_timeout",
            Self::Aborted { .. } => "media_aborted",
            Self::CircuitOpen { .. } => "media_circuit_open",
            Self::Storage(_) => "media_storage",
        }
    }

    /// Whether the same may succeed later. What is not is wrong for good.
    #[must_use]
    pub fn is_worth_retry(&self) -> bool {
        self.is_hosts_failure() || matches!(self, Self::CircuitOpen { .. } | Self::Storage(_))
    }

    /// When trying again makes sense, if somebody said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ServerError { retry_after, .. } => *retry_after,
            Self::CircuitOpen { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// Whether the host, or the way to it, failed.
    pub(super) fn is_hosts_failure(&self) -> bool {
        matches!(
            self,
            Self::ServerError { .. } | Self::Unreachable { .. } | Self::Timeout { .. } | Self::Aborted { .. }
        )
    }

    pub(super) fn of_refusal(refused: &Refused) -> Self {
        match refused {
            Refused::Private { .. } => Self::ForbiddenAddress(refused.to_string()),
            Refused::TooManyRedirects(most) => Self::TooManyRedirects(u32::try_from(*most).unwrap_or(u32::MAX)),
            Refused::Scheme(_) | Refused::NoHost => Self::InvalidAddress(refused.to_string()),
        }
    }

    pub(super) fn of_write(error: WriteError, kind: Kind) -> Self {
        match error {
            WriteError::TooLarge { limit_bytes } => Self::TooLarge { kind, limit_bytes },
            WriteError::Disk(error) => error.into(),
        }
    }
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<Mismatch> for FetchError {
    fn from(Mismatch { expected, found }: Mismatch) -> Self {
        Self::TypeMismatch { expected, found }
    }
}

/// A file could not be kept, or found again.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is too large.
    #[error("the file is larger than {limit_bytes} bytes; media.*_max_bytes sets it")]
    TooLarge {
        /// The most.
        limit_bytes: u64,
    },
    /// It is not what it is said to be.
    #[error("the file should be {expected}, and is {found}")]
    TypeMismatch {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The disk failed.
    #[error("the folder media in the data folder cannot be used: {0}")]
    Disk(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Mismatch> for FileError {
    fn from(Mismatch { expected, found }: Mismatch) -> Self {
        Self::TypeMismatch { expected, found }
    }
}

impl From<WriteError> for FileError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::TooLarge { limit_bytes } => Self::TooLarge { limit_bytes },
            WriteError::Disk(error) => Self::Disk(error),
        }
    }
}
