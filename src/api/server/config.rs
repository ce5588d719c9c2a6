//! `GET /api/server/config`: the settings in force, what was refused of a change, and what waits for a restart.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{auth::Principal, problem::Answer, wire::rfc3339},
    config::LiveSettings,
};

/// The settings.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "settings": [{ "name": "http.port", "value": "3000", "setBy": "default" }], "refused": null, "awaitingRestart": [],
}))]
pub(super) struct Settings {
    settings: Vec<ShownSetting>,
    /// The change of the file that was refused last, unless one was taken since.
    refused: Option<Refused>,
    /// Names of those that are in force only after a restart.
    awaiting_restart: Vec<&'static str>,
}

/// A setting.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Setting)]
struct ShownSetting {
    /// `section.key`
    name: &'static str,
    /// As TOML; masked where it is a secret.
    value: String,
    /// Where it was set.
    set_by: String,
}

/// A change that was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedSettings)]
struct Refused {
    message: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    at: String,
}

/// Every setting with where it was set; secrets are masked.
#[utoipa::path(
    get, path = "/api/server/config", tag = "server",
    responses((status = 200, description = "The settings, the change that was refused, and what waits for a restart", body = Settings)),
)]
pub(super) async fn show(principal: Principal, State(live): State<LiveSettings>) -> Answer<Json<Settings>> {
    principal.require_admin()?;
    let settings = live.settings().into_iter().map(|setting| ShownSetting {
        name: setting.name,
        value: setting.value,
        set_by: setting.origin.to_string(),
    });
    Ok(Json(Settings {
        settings: settings.collect(),
        refused: live.refused().map(|refused| Refused { message: refused.why, at: rfc3339(refused.at_ms) }),
        awaiting_restart: live.awaiting_restart(),
    }))
}
