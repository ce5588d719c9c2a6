//! What is laid around all answers: compression, and who may ask from another page.

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tower_http::{
    compression::{
        CompressionLayer, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
    cors::{AllowOrigin, Any, CorsLayer},
};

use super::limiter;
use crate::config;

/// Below it the saving is eaten up by the effort.
const SMALLEST_BYTES: u64 = 1024;

/// What may be read by another page beside the body.
const EXPOSED: [HeaderName; 7] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-qr-seq"),
    HeaderName::from_static("x-qr-expires-at"),
    HeaderName::from_static("idempotency-replayed"),
    header::RETRY_AFTER,
    limiter::POLICY,
    limiter::LEFT,
];

/// Texts are compressed for who takes gzip. Streams are not, since an event would wait for more of them, nor are files, which
/// are asked for in parts.
pub(super) fn gzip() -> CompressionLayer<impl Predicate> {
    let is_text = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_text = kind.starts_with("text/") || ["json", "javascript", "svg"].iter().any(|part| kind.contains(part));
        is_text && !headers.contains_key(header::ACCEPT_RANGES) && !headers.contains_key(header::CONTENT_RANGE)
    };
    CompressionLayer::new().compress_when(SizeAbove::new(SMALLEST_BYTES).and(NotForContentType::SSE).and(is_text))
}

/// CORS for the origins of the settings; None without any, as which a browser lets no other page ask.
pub(super) fn cors(settings: &config::Http) -> Option<CorsLayer> {
    let origins = match settings.cors_origins.as_slice() {
        [] => return None,
        origins if origins.iter().any(|origin| origin == "*") => AllowOrigin::any(),
        origins => AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())),
    };
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    Some(CorsLayer::new().allow_origin(origins).allow_methods(methods).allow_headers(Any).expose_headers(EXPOSED))
}
