//! What happened: as a stream of server-sent events, over a websocket, or as a list.

mod feed;
mod filter;
mod list;
mod socket;
mod stream;
mod teller;

use axum::{
    Router,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::{any, get},
};

use super::{
    auth::Principal,
    input::{Params, wants_json},
    problem::Answer,
    state::Parts,
};
use filter::Filter;

pub(super) use filter::is_known;

pub(super) fn routes() -> Router<Parts> {
    Router::new().route("/api/events", get(events))
}

/// The websocket asks for a key by itself.
pub(super) fn socket_routes() -> Router<Parts> {
    Router::new().route("/ws", any(socket::open))
}

/// `GET /api/events?session=&events=`: a stream, which resumes from `Last-Event-ID`; for `Accept: application/json` the
/// newest events as a list.
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
