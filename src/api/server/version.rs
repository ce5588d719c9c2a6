//! `GET /api/version`, `GET /api/server/version`

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{api::state::Facts, event::Environment};

/// WAHA's environment: what this server is.
#[utoipa::path(
    get, path = "/api/version", tag = "server",
    responses((status = 200, description = "What this server is", body = Environment)),
)]
pub(super) async fn version(State(facts): State<Arc<Facts>>) -> Json<Environment> {
    Json(facts.environment.clone())
}

/// The same under its newer name.
#[utoipa::path(
    get, path = "/api/server/version", tag = "server",
    responses((status = 200, description = "What this server is", body = Environment)),
)]
pub(super) async fn server_version(facts: State<Arc<Facts>>) -> Json<Environment> {
    version(facts).await
}
