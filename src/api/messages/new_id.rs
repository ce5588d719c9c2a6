//! `GET /api/{session}/new-message-id`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
    },
    model::MessageId,
    session::Registry,
};

/// An id.
#[derive(Serialize, ToSchema)]
#[schema(as = NewMessageId)]
pub(super) struct NewId {
    #[schema(value_type = String, example = "3EB0A1B2C3D4E5F6A7B8C9")]
    id: MessageId,
}

/// An id that no message has, for a send that brings its own.
#[utoipa::path(
    get, path = "/api/{session}/new-message-id", tag = "messages", params(PathSession),
    responses((status = 200, description = "An id", body = NewId)),
)]
pub(super) async fn new_id(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<NewId>> {
    principal.require(Action::Send, &name)?;
    registry.view(&name)?;
    Ok(Json(NewId { id: MessageId::choose() }))
}
