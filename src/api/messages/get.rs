//! `GET /api/messages/{id}`

use axum::{Json, extract::State};

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathMessage,
        message_reference,
        problem::Answer,
        wire::{self, TrackedMessage},
    },
    store::Store,
};

/// Where a message stands, with what was tried.
#[utoipa::path(
    get, path = "/api/messages/{id}", tag = "messages", params(PathMessage),
    responses((status = 200, description = "The message", body = TrackedMessage)),
)]
pub(super) async fn get(
    State(store): State<Store>,
    principal: Principal,
    PathMessage(form): PathMessage,
) -> Answer<Json<TrackedMessage>> {
    let message = message_reference::find(&store, &principal, Action::Read, &form).await?;
    Ok(Json(wire::tracked_message(&message)))
}
