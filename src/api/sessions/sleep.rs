//! `POST /api/sessions/{session}/hibernate|wake`. Both may be repeated.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::info;
use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
        state::Facts,
        wire::SessionInfo,
    },
    model::Reason,
    session::Registry,
};

type Changed = Answer<(StatusCode, Json<SessionInfo>)>;

/// Closes a session's browser until something needs its page; messages are still taken, and wake it.
#[utoipa::path(
    post, path = "/api/sessions/{session}/hibernate", tag = "sessions", params(PathSession),
    responses((status = 201, description = "It sleeps", body = SessionInfo)),
)]
pub(super) async fn hibernate(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Changed {
    principal.require(Action::Control, &name)?;
    let reason = Reason::new("asked", "it was put to sleep through the API; a message or a call wakes it");
    registry.hibernate(&name, reason).await?;
    Ok((StatusCode::CREATED, Json(info(&registry, &name, &facts).await?)))
}

/// Wakes a session that sleeps, or was never started; any other is left as it is.
#[utoipa::path(
    post, path = "/api/sessions/{session}/wake", tag = "sessions", params(PathSession),
    responses((status = 201, description = "It wakes up", body = SessionInfo)),
)]
pub(super) async fn wake(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Changed {
    principal.require(Action::Control, &name)?;
    registry.wake(&name).await?;
    Ok((StatusCode::CREATED, Json(info(&registry, &name, &facts).await?)))
}
