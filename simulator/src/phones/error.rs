//! What a control call is told when it cannot be done.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;
use thiserror::Error;

use crate::world::incoming::PhoneError;
use crate::world::linking::LinkError;

/// Why a call was refused.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    /// Nobody has this phone.
    #[error("there is no phone {0}: scan with it, pair it, or put it here with PUT /phones/{0}")]
    UnknownPhone(String),
    /// Something else that is not there.
    #[error("{0}")]
    NotFound(String),
    /// The body is not what the call takes.
    #[error("{0}")]
    Invalid(String),
    /// The phone cannot be linked so.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The phone cannot do that.
    #[error(transparent)]
    Phone(#[from] PhoneError),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPhone(_) | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Link(_) => StatusCode::CONFLICT,
            Self::Phone(error) => match error {
                PhoneError::NoMessage(_) | PhoneError::NoGroup => StatusCode::NOT_FOUND,
                PhoneError::NoSuchOption => StatusCode::UNPROCESSABLE_ENTITY,
                PhoneError::Airplane(_) | PhoneError::IdTaken(_) | PhoneError::NotTheAuthor(_) => StatusCode::CONFLICT,
            },
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::UnknownPhone(_) => "unknown_phone",
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) => "invalid",
            Self::Link(error) => error.reason(),
            Self::Phone(error) => error.reason(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({"error": self.to_string(), "reason": self.reason()}))).into_response()
    }
}

/// A path that nothing answers.
pub(crate) async fn no_such_path(uri: axum::http::Uri) -> ApiError {
    ApiError::NotFound(format!("there is nothing at {}", uri.path()))
}

/// A path that wants another method.
pub(crate) async fn wrong_method(method: axum::http::Method, uri: axum::http::Uri) -> Response {
    let error = format!("{} does not take {method}", uri.path());
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({"error": error, "reason": "wrong_method"}))).into_response()
}
