//! What happened: as a stream of server-sent events, over a websocket, or as a list.

mod feed;
mod filter;
mod list;
mod socket;
mod stream;
mod teller;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::Principal,
    input::{Params, wants_json},
    openapi::{EventFilter, LastEventId},
    problem::Answer,
    state::Parts,
};
use crate::event::Envelope;
use filter::Filter;

pub(super) use filter::is_known;
pub(super) use teller::Told;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(events))
}

/// The websocket asks for a key by itself.
pub(super) fn socket_routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(socket::open))
}

/// What happened: a stream, which resumes from `Last-Event-ID`; for `Accept: application/json` the newest events as a list.
#[utoipa::path(
    get, path = "/api/events", tag = "events",
    params(EventFilter, LastEventId, ("limit" = Option<u32>, Query, description = "How many, of a list", minimum = 1, maximum = 1000)),
    responses((
        status = 200, description = "A stream of events, or a list of them for who accepts JSON",
        content((String = "text/event-stream"), (Vec<Envelope<'static>> = "application/json")),
    )),
)]
async fn events(
    State(parts): State<Parts>,
    principal: Principal,
    params: Params,
    headers: HeaderMap,
) -> Answer<Response> {
    let filter = Filter::of(&parts.rooms.registry, &principal, &params)?;
    let last_id = filter::last_id(&headers, &params)?;
    if wants_json(&headers) {
        return Ok(list::newest(&parts, &filter, last_id, &params).await?.into_response());
    }
    Ok(stream::stream(parts, filter, last_id).await?.into_response())
}
