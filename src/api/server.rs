//! The server itself: whether it lives, what it is.

mod config;
mod health;
mod log;
mod metrics;
mod ping;
mod status;
mod version;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use health::live;
pub(super) use ping::ping;

use super::state::Parts;

/// What needs no key.
pub(super) fn open_routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(ping::ping)).routes(routes!(health::live)).routes(routes!(health::ready))
}

/// What needs a key.
pub(super) fn keyed_routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(health::details))
        .routes(routes!(metrics::metrics))
        .routes(routes!(version::version))
        .routes(routes!(version::server_version))
        .routes(routes!(status::status))
        .routes(routes!(config::show))
        .routes(routes!(log::show, log::change))
}
