//! `GET /api/sessions?all=`

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::shelf::Shelf;
use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::{Answer, Problem},
        state::Facts,
        wire::{self, SessionInfo},
    },
    model::WireStatus,
    session::Registry,
};

/// The sessions that the key may see; stopped ones only with `all=true`.
#[utoipa::path(
    get, path = "/api/sessions", tag = "sessions",
    params(("all" = Option<bool>, Query, description = "Stopped ones, too")),
    responses((status = 200, description = "The sessions", body = [SessionInfo])),
)]
pub(super) async fn list(
    State(registry): State<Registry>,
    State(shelf): State<Shelf>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    params: Params,
) -> Answer<Response> {
    let all = params.optional::<bool>("all")?.unwrap_or(false);
    if !principal.has(Action::Read) {
        return Ok(Json(Vec::<SessionInfo>::new()).into_response());
    }
    let Some(only) = principal.only_session() else {
        let list = shelf.list(&registry, &facts, all, principal.has(Action::Control)).map_err(Problem::internal)?;
        return Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], list).into_response());
    };
    let shown = registry.view(only).ok().filter(|view| all || view.wire_status() != WireStatus::Stopped);
    let config = registry.config(only).unwrap_or_default();
    let show = if principal.has(Action::Control) { wire::session } else { wire::session_for_reader };
    Ok(Json(shown.iter().map(|view| show(view, &config, &facts)).collect::<Vec<_>>()).into_response())
}
