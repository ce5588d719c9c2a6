//! `GET /api/server/status`

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{api::state::Facts, clock::Clock, event::Worker};

/// Since when a server runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerStatus {
    /// Unix time in milliseconds.
    start_timestamp: i64,
    /// Milliseconds.
    uptime: i64,
    worker: Worker,
}

/// Since when this server runs; milliseconds, as WAHA has them.
#[utoipa::path(
    get, path = "/api/server/status", tag = "server",
    responses((status = 200, description = "Since when it runs", body = ServerStatus)),
)]
pub(super) async fn status(State(facts): State<Arc<Facts>>, State(clock): State<Arc<dyn Clock>>) -> Json<ServerStatus> {
    Json(ServerStatus {
        start_timestamp: facts.started_at_ms,
        uptime: clock.now_ms() - facts.started_at_ms,
        worker: facts.environment.worker.clone(),
    })
}
