//! `GET /api/{session}/queue`

use axum::{Json, extract::State};
use serde_json::Value;

use super::standing;
use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
    },
    queue::Queue,
    session::Registry,
    store::Store,
};

/// How one session's queue stands.
pub(super) async fn depth(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(queue): State<Queue>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    registry.view(&name)?;
    Ok(Json(standing(&store, &queue, &name).await?))
}
