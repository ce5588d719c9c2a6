//! Messages: handed in, looked at, taken back.

mod cancel;
mod get;
mod new_id;
mod options;
mod send_text;
mod settle;
mod waiting;

use axum::{
    Router,
    routing::{get, post},
};

use super::state::Parts;

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/messages/{id}", get(get::get).delete(cancel::cancel))
        .route("/api/{session}/new-message-id", get(new_id::new_id))
}

/// Sends may be held by `?wait=`, so they have a limit of their own.
pub(super) fn send_routes() -> Router<Parts> {
    Router::new().route("/api/sendText", post(send_text::send_text))
}
