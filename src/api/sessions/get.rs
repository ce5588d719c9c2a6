//! `GET /api/sessions/{session}`

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
        state::Facts,
        wire::{self, SessionInfo},
    },
    session::Registry,
};

/// One session.
#[utoipa::path(
    get, path = "/api/sessions/{session}", tag = "sessions", params(PathSession),
    responses((status = 200, description = "The session", body = SessionInfo)),
)]
pub(super) async fn get(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<SessionInfo>> {
    principal.require(Action::Read, &name)?;
    let details = registry.details(&name).await?;
    let may_change = principal.may(Action::Control, &name);
    let show = if may_change { wire::session } else { wire::session_for_reader };
    Ok(Json(show(&details.view, &details.config, &facts)))
}
