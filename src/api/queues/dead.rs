//! `GET /api/queue/dead?session=&limit=`, `POST /api/queue/dead/{id}/retry` or `/api/queue/dead/retry?session=`,
//! `DELETE /api/queue/dead/{id}` or `/api/queue/dead?confirm=`: what was given up, another try at it, and away with it.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Confirmed;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Params, PathMessage},
        message_reference,
        openapi::{AnySession, ListLimit},
        problem::{Answer, Problem},
        wire::{self, TrackedMessage},
    },
    model::SessionName,
    outbox::Outbox,
    session::Registry,
    store::Store,
};

/// How many are listed when nobody says.
const USUAL: u32 = 100;
/// How many are listed at most.
const MOST: u32 = 1000;

/// What is tried again.
#[derive(Serialize, ToSchema)]
pub(super) struct Retried {
    /// null for all of them.
    #[schema(value_type = Option<String>)]
    session: Option<SessionName>,
    retried: u64,
}

/// What was removed.
#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    /// null for all of them.
    #[schema(value_type = Option<String>)]
    session: Option<SessionName>,
    removed: u64,
}

/// The dead letters of one session or of all, as messages with their reason and history. Those of a session that was deleted
/// are among them.
#[utoipa::path(
    get, path = "/api/queue/dead", tag = "queue", params(AnySession, ListLimit),
    responses((status = 200, description = "The dead letters", body = [TrackedMessage])),
)]
pub(super) async fn list(
    State(registry): State<Registry>,
    State(store): State<Store>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Vec<TrackedMessage>>> {
    let asked = params.optional::<SessionName>("session")?;
    let session = asked.or_else(|| principal.only_session().cloned());
    match &session {
        Some(name) => {
            principal.require(Action::Read, name)?;
            registry.view(name)?;
        }
        None => principal.require_on_all(Action::Read)?,
    }
    let limit = params.optional::<u32>("limit")?.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::wrong_field("limit", format!("this is a whole number from 1 to {MOST}")));
    }
    let dead = store.messages().dead(session.as_ref(), limit).await?;
    Ok(Json(dead.iter().map(wire::tracked_message).collect()))
}

/// Tries a dead letter again, under the same id, so that it is never shown twice.
#[utoipa::path(
    post, path = "/api/queue/dead/{id}/retry", tag = "queue", params(PathMessage),
    responses((status = 201, description = "It waits again", body = TrackedMessage)),
)]
pub(super) async fn retry(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(outbox): State<Outbox>,
    principal: Principal,
    PathMessage(form): PathMessage,
) -> Answer<(StatusCode, Json<TrackedMessage>)> {
    let message = message_reference::find(&store, &principal, Action::Send, &form).await?;
    registry.view(&message.session)?;
    if !outbox.revive(&message.id).await? {
        let text = format!("the message is {}: only dead letters can be tried again", message.progress.state.as_str());
        return Err(Problem::wrong_state(text).with("state", message.progress.state.as_str()));
    }
    let message = store.messages().get(&message.id).await?.ok_or_else(message_reference::unknown)?;
    Ok((StatusCode::CREATED, Json(wire::tracked_message(&message))))
}

/// Tries all dead letters again, of one session or of all.
#[utoipa::path(
    post, path = "/api/queue/dead/retry", tag = "queue", params(AnySession),
    responses((status = 201, description = "How many wait again", body = Retried)),
)]
pub(super) async fn retry_all(
    State(registry): State<Registry>,
    State(outbox): State<Outbox>,
    principal: Principal,
    params: Params,
) -> Answer<(StatusCode, Json<Retried>)> {
    let asked = params.optional::<SessionName>("session")?;
    let session = asked.or_else(|| principal.only_session().cloned());
    match &session {
        Some(name) => {
            principal.require(Action::Send, name)?;
            registry.view(name)?;
        }
        None => principal.require_on_all(Action::Send)?,
    }
    let retried = outbox.revive_all(session.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(Retried { session, retried })))
}

/// Removes a dead letter with its history, for good; its idempotency key may be used again then.
#[utoipa::path(
    delete, path = "/api/queue/dead/{id}", tag = "queue", params(PathMessage),
    responses((status = 200, description = "What it was", body = TrackedMessage)),
)]
pub(super) async fn remove(
    State(store): State<Store>,
    State(outbox): State<Outbox>,
    principal: Principal,
    PathMessage(form): PathMessage,
) -> Answer<Json<TrackedMessage>> {
    let message = message_reference::find(&store, &principal, Action::Send, &form).await?;
    if !outbox.remove_dead(&message.id).await? {
        let text = format!("the message is {}: only dead letters can be removed", message.progress.state.as_str());
        return Err(Problem::wrong_state(text).with("state", message.progress.state.as_str()));
    }
    Ok(Json(wire::tracked_message(&message)))
}

/// Removes all dead letters of a session, or of all of them.
#[utoipa::path(
    delete, path = "/api/queue/dead", tag = "queue",
    params(("confirm" = String, Query, description = "What is meant, once more: a session, or `*` for all", example = "main")),
    responses((status = 200, description = "How many were removed", body = Removed)),
)]
pub(super) async fn remove_all(
    State(outbox): State<Outbox>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Removed>> {
    let session = match Confirmed::read(&params)? {
        Confirmed::One(name) => {
            principal.require(Action::Send, &name)?;
            Some(name)
        }
        Confirmed::All => {
            principal.require_on_all(Action::Send)?;
            None
        }
    };
    let removed = outbox.remove_all_dead(session.as_ref()).await?;
    Ok(Json(Removed { session, removed }))
}
