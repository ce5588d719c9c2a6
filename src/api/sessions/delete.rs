//! `DELETE /api/sessions/{session}`

use axum::extract::State;

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
    },
    session::Registry,
    webhook::Webhooks,
};

/// Removes a session for good, its login too. Answers 200 without a body, as WAHA does.
pub(super) async fn delete(
    State(registry): State<Registry>,
    State(webhooks): State<Webhooks>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<()> {
    principal.require(Action::Control, &name)?;
    let _change = webhooks.change(&name);
    Ok(registry.delete(&name).await?)
}
