//! `POST /api/sessions/{session}/start|stop|restart|logout`. All of them may be repeated.

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
    session::Registry,
};

type Changed = Answer<(StatusCode, Json<SessionInfo>)>;

/// Gives a session a browser. One that runs is left alone.
#[utoipa::path(
    post, path = "/api/sessions/{session}/start", tag = "sessions", params(PathSession),
    responses((status = 201, description = "It starts, or runs", body = SessionInfo)),
)]
pub(super) async fn start(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Changed {
    principal.require(Action::Control, &name)?;
    registry.start(&name).await?;
    Ok((StatusCode::CREATED, Json(info(&registry, &name, &facts).await?)))
}

/// Takes a session's browser away; the login is kept.
#[utoipa::path(
    post, path = "/api/sessions/{session}/stop", tag = "sessions", params(PathSession),
    responses((status = 201, description = "It is stopped", body = SessionInfo)),
)]
pub(super) async fn stop(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Changed {
    principal.require(Action::Control, &name)?;
    registry.stop(&name).await?;
    Ok((StatusCode::CREATED, Json(info(&registry, &name, &facts).await?)))
}

/// Gives a session a new browser; the login is kept.
#[utoipa::path(
    post, path = "/api/sessions/{session}/restart", tag = "sessions", params(PathSession),
    responses((status = 201, description = "It starts anew", body = SessionInfo)),
)]
pub(super) async fn restart(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Changed {
    principal.require(Action::Control, &name)?;
    registry.restart(&name).await?;
    Ok((StatusCode::CREATED, Json(info(&registry, &name, &facts).await?)))
}

/// Unlinks the account; the login is archived.
#[utoipa::path(
    post, path = "/api/sessions/{session}/logout", tag = "sessions", params(PathSession),
    responses((status = 201, description = "It is logged out", body = SessionInfo)),
)]
pub(super) async fn log_out(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Changed {
    principal.require(Action::Control, &name)?;
    registry.log_out(&name).await?;
    Ok((StatusCode::CREATED, Json(info(&registry, &name, &facts).await?)))
}
