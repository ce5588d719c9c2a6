//! Webhooks: how they stand, and their dead letters.

mod dead;
mod list;

use axum::{
    Router,
    routing::{delete, get, post},
};

use super::{
    auth::{Action, Principal},
    input::Params,
    problem::Answer,
    state::Parts,
};
use crate::{model::SessionName, session::Registry};

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/webhooks", get(list::list))
        .route("/api/webhooks/dead", get(dead::list))
        .route("/api/webhooks/dead/{id}", delete(dead::delete))
        .route("/api/webhooks/dead/{id}/retry", post(dead::retry))
}

/// The session that `?session=` names, or the only one that the key sees; None: all.
fn asked_session(registry: &Registry, principal: &Principal, params: &Params) -> Answer<Option<SessionName>> {
    let asked = params.optional::<SessionName>("session")?;
    let session = asked.or_else(|| principal.only_session().cloned());
    match &session {
        Some(name) => {
            principal.require(Action::Read, name)?;
            registry.view(name)?;
        }
        None => principal.require_on_all(Action::Read)?,
    }
    Ok(session)
}
