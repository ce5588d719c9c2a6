//! The server itself: whether it lives, what it is.

mod health;
mod metrics;
mod ping;
mod status;
mod version;

use axum::{Router, routing::get};

pub(super) use health::live;
pub(super) use ping::ping;

use super::state::Parts;

/// What needs no key.
pub(super) fn open_routes() -> Router<Parts> {
    Router::new()
        .route("/ping", get(ping::ping))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
}

/// What needs a key.
pub(super) fn keyed_routes() -> Router<Parts> {
    Router::new()
        .route("/health", get(health::details))
        .route("/metrics", get(metrics::metrics))
        .route("/api/version", get(version::version))
        .route("/api/server/version", get(version::version))
        .route("/api/server/status", get(status::status))
}
