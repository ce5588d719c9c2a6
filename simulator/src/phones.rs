//! The phones: what people do with theirs, over plain HTTP with JSON; and the page with a phone to hold.
//!
//! One file a group of endpoints. Every refusal is `{"error": <what to do>, "reason": <a word for programs>}`.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

use crate::simulator::Simulator;

mod act;
mod book;
mod error;
mod faults;
mod holder;
mod link;
mod request;
mod sent;
mod stats;
mod view;
mod write;

/// The largest request, in bytes: media come as base64 in it.
const MAX_BODY_BYTES: usize = 192 * 1024 * 1024;

/// Everything behind the plain port.
pub(crate) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/", get(holder::page))
        .route("/phone/{name}", get(holder::part))
        .route("/phones", get(view::phones))
        .route("/phones/events", get(holder::events))
        .route("/phones/pages", get(link::pages))
        .route("/phones/scan", post(link::scan))
        .route("/phones/pair", post(link::pair))
        .route("/phones/{number}", put(book::put_phone))
        .route("/phones/{number}/unlink", post(link::unlink))
        .route("/phones/{number}/contacts", post(book::contacts))
        .route("/phones/{number}/groups", post(book::groups))
        .route("/phones/{number}/sent", get(sent::sent))
        .route("/phones/{number}/media/{id}", get(view::media))
        .route("/phones/{number}/chats/{chat}", get(view::chat))
        .route("/phones/{number}/chats/{chat}/read", post(view::read))
        .route("/phones/{number}/incoming", post(write::incoming))
        .route("/phones/{number}/send", post(write::send))
        .route("/phones/{number}/ack", post(act::ack))
        .route("/phones/{number}/react", post(act::react))
        .route("/phones/{number}/edit", post(act::edit))
        .route("/phones/{number}/revoke", post(act::revoke))
        .route("/phones/{number}/vote", post(act::vote))
        .route("/phones/{number}/call", post(act::call))
        .route("/phones/{number}/presence", post(act::presence))
        .route("/faults", get(faults::list).post(faults::put).delete(faults::clear))
        .route("/stats", get(stats::stats))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(simulator)
}
