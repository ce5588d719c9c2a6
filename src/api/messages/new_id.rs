//! `GET /api/{session}/new-message-id`

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
    },
    model::MessageId,
    session::Registry,
};

/// An id that no message has, for a send that brings its own.
pub(super) async fn new_id(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<Value>> {
    principal.require(Action::Send, &name)?;
    registry.view(&name)?;
    Ok(Json(json!({ "id": MessageId::choose() })))
}
