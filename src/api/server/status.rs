//! `GET /api/server/status`

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{api::state::Facts, clock::Clock};

/// Since when this server runs; milliseconds, as WAHA has them.
pub(super) async fn status(State(facts): State<Arc<Facts>>, State(clock): State<Arc<dyn Clock>>) -> Json<Value> {
    Json(json!({
        "startTimestamp": facts.started_at_ms,
        "uptime": clock.now_ms() - facts.started_at_ms,
        "worker": { "id": facts.server.node },
    }))
}
