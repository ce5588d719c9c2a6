//! Messages: handed in, looked at, taken back.

mod cancel;
mod change;
mod forward;
mod get;
mod handing_in;
mod new_id;
mod options;
mod react;
mod send_contact;
mod send_location;
mod send_media;
mod send_poll;
mod send_seen;
mod send_text;
mod settle;
mod typing;
mod waiting;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post, put},
};

use super::state::Parts;

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/messages/{id}", get(get::get).delete(cancel::cancel))
        .route("/api/{session}/new-message-id", get(new_id::new_id))
        .route("/api/startTyping", post(typing::start))
        .route("/api/stopTyping", post(typing::stop))
}

/// Sends may be held by `?wait=`, so they have a limit of their own.
pub(super) fn send_routes() -> Router<Parts> {
    Router::new()
        .route("/api/sendText", post(send_text::send_text))
        .route("/api/sendLocation", post(send_location::send_location))
        .route("/api/sendContactVcard", post(send_contact::send_contact))
        .route("/api/sendPoll", post(send_poll::send_poll))
        .route("/api/sendSeen", post(send_seen::send_seen))
        .route("/api/forwardMessage", post(forward::forward))
        .route("/api/reaction", put(react::react))
        .route("/api/{session}/chats/{chatId}/messages/{id}", put(change::edit).delete(change::revoke))
}

/// Sends with a file: as long as their line is slow, and as large as a file may be.
pub(super) fn send_media_routes() -> Router<Parts> {
    Router::new()
        .route("/api/sendImage", post(send_media::send_image))
        .route("/api/sendVideo", post(send_media::send_video))
        .route("/api/sendFile", post(send_media::send_file))
        .route("/api/sendVoice", post(send_media::send_voice))
        .route("/api/sendAudio", post(send_media::send_audio))
        .route("/api/sendSticker", post(send_media::send_sticker))
        .layer(DefaultBodyLimit::disable())
}
