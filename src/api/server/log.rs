//! `GET`, `PUT /api/server/log`: which log lines are written.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        auth::Principal,
        input::Body,
        problem::{Answer, Problem},
    },
    config,
    telemetry::Logs,
};

/// Which lines are wanted.
#[derive(Deserialize, ToSchema)]
pub(super) struct Wanted {
    /// As `log.level`: `info`, or a filter such as `info,drover::session=debug`.
    level: Option<String>,
}

/// Which lines are written.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "level": "info" }))]
pub(super) struct LogLevel {
    level: String,
}

/// The filter in force.
#[utoipa::path(
    get, path = "/api/server/log", tag = "server",
    responses((status = 200, description = "The filter in force", body = LogLevel)),
)]
pub(super) async fn show(principal: Principal, State(logs): State<Logs>) -> Answer<Json<LogLevel>> {
    principal.require_admin()?;
    Ok(Json(LogLevel { level: logs.level() }))
}

/// Another filter, until `log.level` changes or drover starts anew.
#[utoipa::path(
    put, path = "/api/server/log", tag = "server", request_body = Wanted,
    responses((status = 200, description = "The filter in force", body = LogLevel)),
)]
pub(super) async fn change(principal: Principal, State(logs): State<Logs>, body: Body) -> Answer<Json<LogLevel>> {
    principal.require_admin()?;
    let Wanted { level } = body.read()?;
    let level = level.ok_or_else(|| Problem::wrong_field("level", "this field is missing"))?;
    config::check_log_level(&level).map_err(|why| Problem::wrong_field("level", why))?;
    logs.set_level(&level).map_err(|error| Problem::wrong_field("level", error))?;
    tracing::info!(level, "the level of the log was changed over the API");
    Ok(Json(LogLevel { level }))
}
