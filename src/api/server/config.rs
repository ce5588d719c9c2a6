//! `GET /api/server/config`: the settings in force, what was refused of a change, and what waits for a restart.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    api::{auth::Principal, problem::Answer},
    config::LiveSettings,
};

/// Every setting with where it was set; secrets are masked.
#[utoipa::path(
    get, path = "/api/server/config", tag = "server",
    responses((status = 200, description = "The settings, the change that was refused, and what waits for a restart")),
)]
pub(super) async fn show(principal: Principal, State(live): State<LiveSettings>) -> Answer<Json<Value>> {
    principal.require_admin()?;
    let settings: Vec<Value> = live
        .settings()
        .into_iter()
        .map(|setting| json!({ "name": setting.name, "value": setting.value, "setBy": setting.origin.to_string() }))
        .collect();
    let refused = live.refused().map(|refused| json!({ "message": refused.why, "at": refused.at_ms }));
    Ok(Json(json!({ "settings": settings, "refused": refused, "awaitingRestart": live.awaiting_restart() })))
}
