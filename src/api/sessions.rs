//! Sessions: made, looked at, changed, started, stopped and removed.

mod config;
mod create;
mod delete;
mod get;
mod lifecycle;
mod list;
mod me;
mod sleep;
mod update;

use axum::{
    Router,
    routing::{get, post},
};
use serde_json::Value;

use super::{
    problem::Answer,
    state::{Facts, Parts},
    wire,
};
use crate::{model::SessionName, session::Registry};

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/sessions", get(list::list).post(create::create))
        .route("/api/sessions/{session}", get(get::get).put(update::update).delete(delete::delete))
        .route("/api/sessions/{session}/me", get(me::me))
        .route("/api/sessions/{session}/start", post(lifecycle::start))
        .route("/api/sessions/{session}/stop", post(lifecycle::stop))
        .route("/api/sessions/{session}/restart", post(lifecycle::restart))
        .route("/api/sessions/{session}/logout", post(lifecycle::log_out))
        .route("/api/sessions/{session}/hibernate", post(sleep::hibernate))
        .route("/api/sessions/{session}/wake", post(sleep::wake))
}

/// A session as it stands now.
async fn info(registry: &Registry, name: &SessionName, facts: &Facts) -> Answer<Value> {
    let details = registry.details(name).await?;
    Ok(wire::session(&details.view, &details.config, facts))
}
