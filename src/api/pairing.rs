//! Linking a phone: the QR, the code to type, and the page as a picture.

mod kept_screenshot;
mod picture;
mod qr;
mod request_code;
mod screenshot;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use qr::current_qr;

use super::state::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(qr::qr))
        .routes(routes!(request_code::request_code))
        .routes(routes!(kept_screenshot::kept_screenshot))
        .routes(routes!(screenshot::screenshot))
}
