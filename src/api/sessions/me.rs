//! `GET /api/sessions/{session}/me`

use axum::{Json, extract::State};

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
    },
    model::Me,
    session::Registry,
};

/// The account that the session is linked to, null if none.
#[utoipa::path(
    get, path = "/api/sessions/{session}/me", tag = "sessions", params(PathSession),
    responses((status = 200, description = "The account, null before the first link", body = Option<Me>)),
)]
pub(super) async fn me(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<Option<Me>>> {
    principal.require(Action::Read, &name)?;
    Ok(Json(registry.view(&name)?.me))
}
