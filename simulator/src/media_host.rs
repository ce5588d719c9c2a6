//! The media hosts, `*.whatsapp.net`: uploads and downloads, with the CORS that a page of another origin needs.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, OriginalUri, Path, Query, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    CONTENT_TYPE, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;

use crate::simulator::Simulator;
use crate::world::media::{MEDIA_HOST, PICTURE_BEGINS, is_hash_of};

/// The largest upload, in bytes: above WhatsApp's own limit for documents that drover sends.
const MAX_UPLOAD_BYTES: usize = 128 * 1024 * 1024;

#[derive(Deserialize)]
struct Permission {
    #[serde(default)]
    auth: String,
}

/// The media hosts.
pub(crate) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/mms/{kind}/{hash}", post(upload))
        .fallback(download)
        .layer(DefaultBodyLimit::max(MAX_UPLOAD_BYTES))
        .layer(from_fn(allow_origin))
        .with_state(simulator)
}

/// Answers pre-flights and lets the page read every answer.
async fn allow_origin(headers: HeaderMap, request: axum::extract::Request, next: Next) -> Response {
    let origin = headers.get(ORIGIN).cloned().unwrap_or(HeaderValue::from_static("*"));
    let preflight = request.method() == axum::http::Method::OPTIONS;
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let answer = response.headers_mut();
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if preflight {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, content-type, range"));
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

/// `POST /mms/{kind}/{hash}?auth&token`
async fn upload(
    State(simulator): State<Simulator>,
    Path((_kind, hash)): Path<(String, String)>,
    Query(permission): Query<Permission>,
    bytes: Bytes,
) -> Response {
    if simulator.with(|world| world.media.auth() != permission.auth) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !is_hash_of(&hash, &bytes) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let direct_path = simulator.with(|world| world.media.store(bytes));
    let url = format!("https://{MEDIA_HOST}{direct_path}");
    Json(json!({"url": url, "direct_path": direct_path, "handle": hash})).into_response()
}

/// Profile pictures are drawn by the page; everything else is read by it.
fn media_type(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(PICTURE_BEGINS) { "image/svg+xml" } else { "application/octet-stream" }
}

/// `GET` of a direct path.
async fn download(State(simulator): State<Simulator>, OriginalUri(uri): OriginalUri) -> Response {
    match simulator.with(|world| world.media.get(uri.path()).map(|blob| blob.bytes.clone())) {
        Some(bytes) => ([(CONTENT_TYPE, media_type(&bytes))], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
