//! A picture as it is, or as WAHA's JSON.

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::input::wants_json;

const PNG: &str = "image/png";

/// A picture as WAHA's JSON has it.
#[derive(Serialize, ToSchema)]
pub(super) struct Picture {
    #[schema(example = "image/png")]
    mimetype: &'static str,
    /// Base64.
    data: String,
}

/// A PNG, or `{mimetype, data}` (base64) for a caller that wants JSON.
pub(super) fn png(bytes: Vec<u8>, headers: &HeaderMap) -> Response {
    if wants_json(headers) {
        Json(Picture { mimetype: PNG, data: BASE64_STANDARD.encode(bytes) }).into_response()
    } else {
        ([(header::CONTENT_TYPE, PNG)], bytes).into_response()
    }
}
