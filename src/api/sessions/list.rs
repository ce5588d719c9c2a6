//! `GET /api/sessions?all=`

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde_json::json;

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::Answer,
        state::Facts,
        wire::{self, SessionInfo},
    },
    model::WireStatus,
    session::Registry,
    store::Store,
};

/// The sessions that the key may see; stopped ones only with `all=true`.
#[utoipa::path(
    get, path = "/api/sessions", tag = "sessions",
    params(("all" = Option<bool>, Query, description = "Stopped ones, too")),
    responses((status = 200, description = "The sessions", body = [SessionInfo])),
)]
pub(super) async fn list(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Vec<SessionInfo>>> {
    let all = params.optional::<bool>("all")?.unwrap_or(false);
    let records = store.sessions().list().await?;
    let configs: BTreeMap<_, _> = records.into_iter().map(|record| (record.name, record.config)).collect();
    let views = registry.views();
    let shown = views.iter().filter(|view| principal.may(Action::Read, &view.name));
    let shown = shown.filter(|view| all || view.wire_status() != WireStatus::Stopped);
    let none = json!({});
    Ok(Json(shown.map(|view| wire::session(view, configs.get(&view.name).unwrap_or(&none), &facts)).collect()))
}
