//! `GET /api/{session}/queue`

use axum::{Json, extract::State};

use super::{QueueStanding, standing};
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
#[utoipa::path(
    get, path = "/api/{session}/queue", tag = "queue", params(PathSession),
    responses((status = 200, description = "The queue", body = QueueStanding)),
)]
pub(super) async fn depth(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(queue): State<Queue>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<QueueStanding>> {
    principal.require(Action::Read, &name)?;
    registry.view(&name)?;
    Ok(Json(standing(&store, &queue, &name).await?))
}
