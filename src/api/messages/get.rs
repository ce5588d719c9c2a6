//! `GET /api/messages/{id}`

use axum::{Json, extract::State};
use serde_json::Value;

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathMessage,
        message_reference,
        problem::Answer,
        wire,
    },
    store::Store,
};

/// Where a message stands, with what was tried.
pub(super) async fn get(
    State(store): State<Store>,
    principal: Principal,
    PathMessage(form): PathMessage,
) -> Answer<Json<Value>> {
    let message = message_reference::find(&store, &principal, Action::Read, &form).await?;
    Ok(Json(wire::tracked_message(&message)))
}
