//! `GET /ping`

use axum::Json;
use serde_json::{Value, json};

/// Answers, and no more.
pub(super) async fn ping() -> Json<Value> {
    Json(json!({ "message": "pong" }))
}
