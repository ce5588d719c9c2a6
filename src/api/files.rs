//! Files: those that are kept, handed out; those that are to be sent, uploaded.

mod body;
mod get;
mod serve;
mod upload;

use std::time::Duration;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

pub(super) use body::MediaBody;

use super::state::Parts;

/// How long an upload may take in all; that it goes on is seen to while it is read.
pub(super) const UPLOAD_LIMIT: Duration = Duration::from_secs(15 * 60);

pub(super) fn routes() -> Router<Parts> {
    Router::new().route("/api/files/{session}/{file}", get(get::get))
}

/// Uploads take as long as their line is slow, so they have a limit of their own; how large they may be, they see to themselves.
pub(super) fn upload_routes() -> Router<Parts> {
    Router::new().route("/api/{session}/files", post(upload::upload)).layer(DefaultBodyLimit::disable())
}
