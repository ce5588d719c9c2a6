//! Webhooks: how they stand, and their dead letters.

mod dead;
mod list;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Action, Principal},
    input::Params,
    problem::Answer,
    state::Parts,
};
use crate::{model::SessionName, session::Registry, webhook::WebhookView};

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(dead::list))
        .routes(routes!(dead::delete))
        .routes(routes!(dead::retry))
}

/// Whether the key may change a webhook: that of all sessions stands in the settings.
pub(super) fn may_change(principal: &Principal, view: &WebhookView) -> bool {
    if view.is_global { principal.is_admin() } else { principal.may(Action::Control, &view.lane.session) }
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
