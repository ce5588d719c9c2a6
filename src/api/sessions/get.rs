//! `GET /api/sessions/{session}`

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::Value;

use super::info;
use crate::{
    api::{
        auth::{Action, Principal},
        input::PathSession,
        problem::Answer,
        state::Facts,
    },
    session::Registry,
};

/// One session.
pub(super) async fn get(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    Ok(Json(info(&registry, &name, &facts).await?))
}
