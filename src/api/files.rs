//! Files: those that are kept, handed out; those that are to be sent, uploaded.

mod body;
mod get;
mod serve;
mod upload;

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use body::MediaBody;

use super::state::Parts;

/// How long an upload may take in all; that it goes on is seen to while it is read.
pub(super) const UPLOAD_LIMIT: Duration = Duration::from_secs(15 * 60);

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(get::get))
}

/// Uploads take as long as their line is slow, so they have a limit of their own; how large they may be, they see to themselves.
pub(super) fn upload_routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(upload::upload)).layer(DefaultBodyLimit::disable())
}
