//! `PUT /api/sessions/{session}`

use std::sync::Arc;

use axum::{Json, extract::State};

use super::config::{self, Update};
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Body, PathSession},
        problem::{Answer, Problem},
        state::Facts,
        wire::{self, SessionInfo},
    },
    session::Registry,
    webhook::Webhooks,
};

/// Replaces a session's `config`. What concerns its browser takes effect at the browser's next start.
#[utoipa::path(
    put, path = "/api/sessions/{session}", tag = "sessions", params(PathSession),
    request_body = Update,
    responses((status = 200, description = "It was changed", body = SessionInfo)),
)]
pub(super) async fn update(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    State(webhooks): State<Webhooks>,
    principal: Principal,
    PathSession(name): PathSession,
    body: Body,
) -> Answer<Json<SessionInfo>> {
    principal.require(Action::Control, &name)?;
    let before = registry.details(&name).await?.config;
    let config = config::read(&body, &principal, &webhooks, &before)?;
    let config = config.ok_or_else(|| Problem::wrong_field("config", "missing field `config`"))?;
    let change = webhooks.prepare(&name, &config).await?;
    let details = registry.configure(&name, config).await?;
    drop(change);
    Ok(Json(wire::session(&details.view, &details.config, &facts)))
}
