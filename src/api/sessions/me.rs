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
pub(super) async fn me(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<Option<Me>>> {
    principal.require(Action::Read, &name)?;
    Ok(Json(registry.view(&name)?.me))
}
