//! Linking a phone: the QR, the code to type, and the page as a picture.

mod kept_screenshot;
mod picture;
mod qr;
mod request_code;
mod screenshot;

use axum::{
    Router,
    routing::{get, post},
};

pub(super) use qr::current_qr;

use super::state::Parts;

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/{session}/auth/qr", get(qr::qr))
        .route("/api/{session}/auth/request-code", post(request_code::request_code))
        .route("/api/sessions/{session}/screenshots/{file}", get(kept_screenshot::kept_screenshot))
        .route("/api/screenshot", get(screenshot::screenshot))
}
