//! Backups over HTTP: all of it out, and a login in. What goes over the wire is not encrypted, as nothing of this API is without
//! TLS; whoever asks encrypts it.

mod make;
mod take_in;

use axum::{extract::DefaultBodyLimit, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{problem::Problem, state::Parts};
use crate::backup::BackupError;

/// They take as long as they take, and so much as there is.
pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(make::make))
        .routes(routes!(take_in::take_in))
        .layer(DefaultBodyLimit::disable())
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Self {
        let message = error.to_string();
        match error {
            BackupError::Store(error) => error.into(),
            BackupError::Damaged(_) | BackupError::Unknown { .. } | BackupError::NoLogin { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_login", message)
            }
            BackupError::BrokenOff(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "backup_broke_off", message),
            BackupError::File { .. }
            | BackupError::WrongKey
            | BackupError::NoKey(_)
            | BackupError::NotEmpty { .. }
            | BackupError::InUse { .. }
            | BackupError::OtherDatabase { .. } => Self::internal(message),
        }
    }
}
