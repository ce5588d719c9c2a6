//! `GET /api/version`

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::Value;

use crate::api::{state::Facts, wire};

/// WAHA's environment: what this server is.
pub(super) async fn version(State(facts): State<Arc<Facts>>) -> Json<Value> {
    Json(wire::environment(&facts))
}
