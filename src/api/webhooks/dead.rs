//! `GET /api/webhooks/dead?session=&limit=`, `POST /api/webhooks/dead/{id}/retry`, `DELETE /api/webhooks/dead/{id}`: events that a
//! webhook did not take.

use axum::{Json, extract::State, http::StatusCode};

use super::asked_session;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Params, PathMessage},
        openapi::{AnySession, ListLimit},
        problem::{Answer, Problem},
        wire::{self, DeadDelivery},
    },
    session::Registry,
    store::{Delivery, DeliveryState},
    webhook::Webhooks,
};

/// How many are listed when nobody says.
const USUAL: u32 = 100;
/// How many are listed at most.
const MOST: u32 = 1000;

/// The dead letters of one session or of all, newest first; those of sessions and webhooks that are gone are among them.
#[utoipa::path(
    get, path = "/api/webhooks/dead", tag = "webhooks", params(AnySession, ListLimit),
    responses((status = 200, description = "The dead letters", body = [DeadDelivery])),
)]
pub(super) async fn list(
    State(registry): State<Registry>,
    State(webhooks): State<Webhooks>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Vec<DeadDelivery>>> {
    let session = asked_session(&registry, &principal, &params)?;
    let limit = params.optional::<u32>("limit")?.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::wrong_field("limit", format!("this is a whole number from 1 to {MOST}")));
    }
    let dead = webhooks.dead(session.as_ref(), limit).await?;
    Ok(Json(dead.iter().map(wire::dead_delivery).collect()))
}

/// Tries one again, under the id that it had.
#[utoipa::path(
    post, path = "/api/webhooks/dead/{id}/retry", tag = "webhooks", params(PathMessage),
    responses((status = 201, description = "It is tried again", body = DeadDelivery)),
)]
pub(super) async fn retry(
    State(webhooks): State<Webhooks>,
    principal: Principal,
    PathMessage(id): PathMessage,
) -> Answer<(StatusCode, Json<DeadDelivery>)> {
    let delivery = find(&webhooks, &principal, &id).await?;
    if !webhooks.retry(&delivery).await? {
        let text = format!("the webhook {} is gone: only delete this dead letter", delivery.lane.webhook);
        return Err(Problem::wrong_state(text));
    }
    Ok((StatusCode::CREATED, Json(wire::dead_delivery(&delivery))))
}

/// Removes one.
#[utoipa::path(
    delete, path = "/api/webhooks/dead/{id}", tag = "webhooks", params(PathMessage),
    responses((status = 200, description = "It is gone")),
)]
pub(super) async fn delete(
    State(webhooks): State<Webhooks>,
    principal: Principal,
    PathMessage(id): PathMessage,
) -> Answer<()> {
    let delivery = find(&webhooks, &principal, &id).await?;
    if !webhooks.delete_dead(&delivery.id).await? {
        return Err(unknown());
    }
    Ok(())
}

/// The dead letter that is meant, if the key may change its session.
async fn find(webhooks: &Webhooks, principal: &Principal, id: &str) -> Answer<Delivery> {
    let found = webhooks.delivery(id).await?;
    let found = found.filter(|delivery| delivery.progress.state == DeliveryState::Dead).ok_or_else(unknown)?;
    principal.require(Action::Control, &found.lane.session)?;
    Ok(found)
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_delivery", "there is no dead letter of a webhook with this id")
}
