//! `DELETE /api/messages/{id}`

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathMessage,
        message_reference,
        problem::{Answer, Problem},
        wire::{self, TrackedMessage},
    },
    outbox::{CancelOutcome, Outbox},
    store::Store,
};

/// Takes a message back, while no sender holds it. One that was taken back already is answered as such.
#[utoipa::path(
    delete, path = "/api/messages/{id}", tag = "messages", params(PathMessage),
    responses((status = 200, description = "It was taken back", body = TrackedMessage)),
)]
pub(super) async fn cancel(
    State(store): State<Store>,
    State(outbox): State<Outbox>,
    principal: Principal,
    PathMessage(form): PathMessage,
) -> Answer<Json<TrackedMessage>> {
    let message = message_reference::find(&store, &principal, Action::Send, &form).await?;
    match outbox.cancel(&message.id).await? {
        CancelOutcome::Cancelled => {
            let message = store.messages().get(&message.id).await?.ok_or_else(message_reference::unknown)?;
            Ok(Json(wire::tracked_message(&message)))
        }
        CancelOutcome::TooLate(crate::model::MessageState::Cancelled) => Ok(Json(wire::tracked_message(&message))),
        CancelOutcome::TooLate(state) => {
            let message = format!("it is too late: the message is {}", state.as_str());
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too_late", message).with("state", state.as_str()))
        }
        CancelOutcome::Unknown => Err(message_reference::unknown()),
    }
}
