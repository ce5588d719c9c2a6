//! `GET /ping`

use axum::Json;
use serde_json::{Value, json};

/// Answers, and no more.
pub(in crate::api) async fn ping() -> Json<Value> {
    Json(json!({ "message": "pong" }))
}
