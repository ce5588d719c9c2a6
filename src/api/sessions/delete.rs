//! `DELETE /api/sessions/{session}`

use axum::extract::State;

use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
    },
    media::FileStore,
    session::Registry,
    webhook::Webhooks,
};

/// Removes a session for good, its login and its files too. Answers 200 without a body, as WAHA does.
#[utoipa::path(
    delete, path = "/api/sessions/{session}", tag = "sessions", params(PathSession),
    responses((status = 200, description = "It is gone")),
)]
pub(super) async fn delete(
    State(registry): State<Registry>,
    State(webhooks): State<Webhooks>,
    State(files): State<FileStore>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<()> {
    principal.require(Action::Control, &name)?;
    let _change = webhooks.change(&name);
    registry.delete(&name).await?;
    Ok(files.remove_session(&name).await?)
}
