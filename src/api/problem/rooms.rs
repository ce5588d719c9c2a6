//! The other rooms' errors on the wire: one exhaustive mapping each.

use axum::http::StatusCode;
use serde_json::json;

use super::Problem;
use crate::{
    media::{FileError, SplitError},
    outbox::AcceptError,
    page::PageError,
    queue::QueueError,
    session::SessionError,
    store::StoreError,
};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Closed => closing(),
            error if error.is_unasked() => unavailable("database_unavailable", "the database", error),
            error if error.is_broken_off() => {
                const MESSAGE: &str = "the connection to the database broke, and whether this was done is not known: look, or try again \
                                       with the same Idempotency-Key";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", MESSAGE).caused_by(chain(error))
            }
            error if error.is_of_disk() => {
                const MESSAGE: &str = "the database's disk takes nothing (it is full, or read-only); nothing was changed: make room on it, \
                                       or mount it writable, and try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unwritable", MESSAGE).caused_by(chain(error))
            }
            error => Self::internal(chain(error)),
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match &error {
            QueueError::Redis(_) => unavailable("redis_unavailable", "Redis", &error),
            QueueError::Answer { .. } => Self::internal(chain(&error)),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        let message = error.to_string();
        match error {
            SessionError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "unknown_session", message),
            SessionError::Exists(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "session_exists", message),
            SessionError::WrongState { name, state, needed } => {
                let status = json!(state.wire_status());
                let shown = status.as_str().unwrap_or_default();
                Self::wrong_state(format!("the session '{name}' is {} (status {shown}); {needed}", state.as_str()))
                    .with("session", name.as_str())
                    .with("state", state.as_str())
                    .with("currentStatus", status)
            }
            SessionError::Page(error) => error.into(),
            SessionError::Store(error) => error.into(),
            SessionError::Profile { .. } | SessionError::Screenshot(_) => Self::internal(message),
            SessionError::TooSlow(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", message),
            SessionError::Closing => closing(),
        }
    }
}

impl From<PageError> for Problem {
    fn from(error: PageError) -> Self {
        let message = error.to_string();
        match error {
            PageError::Gone(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "page_gone", message),
            PageError::NotLoaded => Self::new(StatusCode::SERVICE_UNAVAILABLE, "page_not_loaded", message),
            PageError::Navigated => Self::new(StatusCode::SERVICE_UNAVAILABLE, "page_navigated", message),
            PageError::Timeout(_) => Self::new(StatusCode::GATEWAY_TIMEOUT, "page_timeout", message),
            PageError::MissingCapability(_) => Self::new(StatusCode::BAD_GATEWAY, "bridge_degraded", message),
            PageError::UnfitBridge(_) => Self::internal(message),
            PageError::InvalidMedia(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_media", message),
            PageError::Refused(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused_by_whatsapp", message),
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        let message = error.to_string();
        match error {
            AcceptError::UnknownSession(_) => Self::new(StatusCode::NOT_FOUND, "unknown_session", message),
            AcceptError::InvalidField { field, message } => Self::wrong_field(field, message),
            AcceptError::IdempotencyConflict => Self::new(StatusCode::CONFLICT, "idempotency_conflict", message),
            AcceptError::DuplicateMessage { earlier, .. } => {
                Self::new(StatusCode::CONFLICT, "duplicate_message", message)
                    .with("earlierId", earlier.id.public(&earlier.chat))
            }
            AcceptError::RateLimited { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).retry_after(retry_after)
            }
            AcceptError::Store(error) => error.into(),
        }
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        let unprocessable = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
        match error {
            FileError::Empty => unprocessable("media_empty"),
            FileError::TooLarge { .. } => unprocessable("media_too_large"),
            FileError::TypeMismatch { .. } => unprocessable("media_type_mismatch"),
            FileError::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                let message = "the disk of the data folder is full; nothing was kept";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", message).caused_by(error)
            }
            FileError::Disk(error) => Self::internal(chain(&error)),
            FileError::Store(error) => error.into(),
        }
    }
}

impl From<SplitError> for Problem {
    fn from(error: SplitError) -> Self {
        match error {
            SplitError::Syntax(_) => Self::wrong_field("body", error),
            SplitError::InvalidData(_) => Self::wrong_field("file.data", error),
            SplitError::TooLong { .. } => Self::of_status(StatusCode::PAYLOAD_TOO_LARGE),
            SplitError::File(error) => error.into(),
        }
    }
}

fn closing() -> Problem {
    let message = "drover is shutting down; ask again when it is back";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "closing", message)
}

fn unavailable(code: &'static str, what: &str, error: &dyn std::error::Error) -> Problem {
    let message = format!("{what} does not answer; nothing was changed: try again");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, message).caused_by(chain(error))
}

/// An error with its sources, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{SessionName, SessionState},
        store::StoreError,
    };
    use std::time::Duration;

    fn name() -> SessionName {
        "main".parse().expect("a name")
    }

    #[test]
    fn each_error_of_a_session_has_its_status() {
        for (error, status) in [
            (SessionError::Unknown(name()), 404),
            (SessionError::Exists(name()), 422),
            (SessionError::WrongState { name: name(), state: SessionState::Stopped, needed: "start it" }, 422),
            (SessionError::Page(PageError::Timeout(Duration::from_secs(1))), 504),
            (SessionError::Page(PageError::Gone("killed".to_owned())), 503),
            (SessionError::Page(PageError::MissingCapability("send".to_owned())), 502),
            (SessionError::Page(PageError::Refused("no".to_owned())), 422),
            (SessionError::TooSlow(name()), 503),
            (SessionError::Closing, 503),
            (SessionError::Store(StoreError::Closed), 503),
        ] {
            let text = error.to_string();
            assert_eq!(Problem::from(error).status().as_u16(), status, "{text}");
        }
    }

    #[test]
    fn each_error_of_acceptance_has_its_status() {
        for (error, status, code) in [
            (AcceptError::UnknownSession(name()), 404, "unknown_session"),
            (AcceptError::InvalidField { field: "text", message: "empty".to_owned() }, 422, "invalid_request"),
            (AcceptError::IdempotencyConflict, 409, "idempotency_conflict"),
            (AcceptError::RateLimited { retry_after: Duration::from_secs(3) }, 429, "rate_limited"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.status().as_u16(), problem.code()), (status, code));
        }
    }

    #[test]
    fn what_the_database_says_stays_inside() {
        let corrupt = StoreError::Corrupt { table: "sessions", column: "me", detail: "torn".to_owned() };
        let problem = Problem::from(corrupt);
        assert_eq!(problem.status(), 500);
        assert!(problem.for_log().contains("torn"));
    }
}
