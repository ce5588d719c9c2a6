//! Sessions: made, looked at, changed, started, stopped and removed.

mod config;
mod create;
mod delete;
mod described;
mod get;
mod lifecycle;
mod list;
mod me;
mod shelf;
mod sleep;
mod update;

pub(super) use shelf::Shelf;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::Answer,
    state::{Facts, Parts},
    wire,
};
use crate::{model::SessionName, session::Registry};

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(me::me))
        .routes(routes!(lifecycle::start))
        .routes(routes!(lifecycle::stop))
        .routes(routes!(lifecycle::restart))
        .routes(routes!(lifecycle::log_out))
        .routes(routes!(sleep::hibernate))
        .routes(routes!(sleep::wake))
}

/// A session as it stands now, for who changed it.
async fn info(registry: &Registry, name: &SessionName, facts: &Facts) -> Answer<wire::SessionInfo> {
    let details = registry.details(name).await?;
    Ok(wire::session(&details.view, &details.config, facts))
}
