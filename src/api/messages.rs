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

use axum::extract::DefaultBodyLimit;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(get::get, cancel::cancel))
        .routes(routes!(new_id::new_id))
        .routes(routes!(typing::start))
        .routes(routes!(typing::stop))
}

/// Sends may be held by `?wait=`, so they have a limit of their own.
pub(super) fn send_routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(send_text::send_text))
        .routes(routes!(send_location::send_location))
        .routes(routes!(send_contact::send_contact))
        .routes(routes!(send_poll::send_poll))
        .routes(routes!(send_seen::send_seen))
        .routes(routes!(forward::forward))
        .routes(routes!(react::react))
        .routes(routes!(change::edit, change::revoke))
}

/// Sends with a file: as long as their line is slow, and as large as a file may be.
pub(super) fn send_media_routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(send_media::send_image))
        .routes(routes!(send_media::send_video))
        .routes(routes!(send_media::send_file))
        .routes(routes!(send_media::send_voice))
        .routes(routes!(send_media::send_audio))
        .routes(routes!(send_media::send_sticker))
        .layer(DefaultBodyLimit::disable())
}
