//! `DELETE /api/queue?confirm=<session>`: takes back whatever waits in a session's queue; `confirm=*` means every session.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Confirmed;
use crate::{
    api::{auth::Principal, input::Params, problem::Answer},
    model::SessionName,
    outbox::Outbox,
    session::Registry,
};

/// What was taken back.
#[derive(Serialize, ToSchema)]
pub(super) struct QueueCleared {
    cancelled: u64,
    #[schema(value_type = Vec<String>)]
    sessions: Vec<SessionName>,
}

/// Cancels what nobody holds yet. For admins, and only when the session is named again as confirmation.
#[utoipa::path(
    delete, path = "/api/queue", tag = "queue",
    params(("confirm" = String, Query, description = "What is meant, once more: a session, or `*` for all", example = "main")),
    responses((status = 200, description = "How many were taken back", body = QueueCleared)),
)]
pub(super) async fn clear(
    State(registry): State<Registry>,
    State(outbox): State<Outbox>,
    principal: Principal,
    params: Params,
) -> Answer<Json<QueueCleared>> {
    principal.require_admin()?;
    let names = match Confirmed::read(&params)? {
        Confirmed::All => registry.views().into_iter().map(|view| view.name).collect(),
        Confirmed::One(name) => vec![registry.view(&name)?.name],
    };
    let mut cancelled = 0;
    for name in &names {
        cancelled += outbox.clear(name).await?;
    }
    Ok(Json(QueueCleared { cancelled, sessions: names }))
}
