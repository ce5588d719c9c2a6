//! Chats: which there are, what is in them, who is there.

mod list;
mod message;
mod messages;
mod presence;

use axum::{
    Router,
    routing::{get, post},
};

use super::state::Parts;

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/{session}/chats", get(list::chats))
        .route("/api/{session}/chats/overview", get(list::overview))
        .route("/api/{session}/chats/{chatId}/picture", get(list::picture))
        .route("/api/{session}/chats/{chatId}/messages", get(messages::messages))
        .route("/api/{session}/chats/{chatId}/messages/{id}", get(message::message))
        .route("/api/{session}/presence", post(presence::set))
        .route("/api/{session}/presence/{chatId}", get(presence::get))
        .route("/api/{session}/presence/{chatId}/subscribe", post(presence::subscribe))
}
