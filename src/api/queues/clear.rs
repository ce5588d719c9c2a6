//! `DELETE /api/queue?confirm=<session>`: takes back whatever waits in a session's queue; `confirm=*` means every session.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::Confirmed;
use crate::{
    api::{auth::Principal, input::Params, problem::Answer},
    outbox::Outbox,
    session::Registry,
};

/// Cancels what nobody holds yet. For admins, and only when the session is named again as confirmation.
pub(super) async fn clear(
    State(registry): State<Registry>,
    State(outbox): State<Outbox>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Value>> {
    principal.require_admin()?;
    let names = match Confirmed::read(&params)? {
        Confirmed::All => registry.views().into_iter().map(|view| view.name).collect(),
        Confirmed::One(name) => vec![registry.view(&name)?.name],
    };
    let mut cancelled = 0;
    for name in &names {
        cancelled += outbox.clear(name).await?;
    }
    Ok(Json(json!({ "cancelled": cancelled, "sessions": names })))
}
