//! One try: the request, signed, and what came back, within a time and up to a size.

use std::time::{Duration, Instant};

use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    form::Settings,
    reply::{self, Reply},
    signature::{self, ALGORITHM},
};
use crate::network::{Client, Refused};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-webhook-request-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-hmac");
const SIGNATURE_ALGORITHM: HeaderName = HeaderName::from_static("x-webhook-hmac-algorithm");

/// What an answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerLimits {
    pub(super) timeout: Duration,
    pub(super) bytes: usize,
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// For programs: `status_500`, `timeout`, `unreachable`, `redirected`, `private_address`, `tls`.
    pub(super) code: String,
    /// For people; without the URL, which may hold a secret.
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// What is sent.
pub(super) struct Request<'r> {
    pub(super) settings: &'r Settings,
    pub(super) id: &'r str,
    pub(super) now_ms: i64,
    pub(super) body: Value,
}

/// Sends it. `Ok`: it was taken, with the reply that it was answered with; a reply that is wrong says why.
pub(super) async fn send(
    client: &Client,
    request: Request<'_>,
    limits: AnswerLimits,
) -> Result<Option<Result<Reply, String>>, Failure> {
    let began = Instant::now();
    let result = match timeout(limits.timeout, exchange(client, request, limits.bytes)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::new("timeout", format!("no complete answer within {} s", limits.timeout.as_secs()))),
    };
    let outcome = if result.is_ok() { "delivered" } else { "failed" };
    metrics::histogram!("drover_webhook_delivery_seconds", "outcome" => outcome).record(began.elapsed());
    result
}

async fn exchange(
    client: &Client,
    request: Request<'_>,
    limit_bytes: usize,
) -> Result<Option<Result<Reply, String>>, Failure> {
    let Request { settings, id, now_ms, body } = request;
    let body = body.to_string();
    let headers = headers(settings, id, now_ms, &body);
    let sent = client
        .request(Method::POST, settings.url.clone())
        .map_err(|refused| Failure::new("private_address", refused.to_string()))?
        .headers(headers)
        .body(body)
        .send()
        .await;
    let response = sent.map_err(|error| unanswered(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(not_taken(&response, status));
    }
    // An answer that is cut off is none to read a reply from; the event was taken all the same.
    let Some(bytes) = read(response, limit_bytes).await? else {
        tracing::warn!(delivery = id, limit_bytes, "a webhook's answer is too long; it was cut off");
        return Ok(None);
    };
    Ok(reply::read(&bytes))
}

fn headers(settings: &Settings, id: &str, now_ms: i64, body: &str) -> HeaderMap {
    let mut headers = settings.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let ascii = |text: &str| HeaderValue::from_str(text).expect("ids, numbers and hex are ASCII");
    headers.insert(REQUEST_ID, ascii(id));
    headers.insert(TIMESTAMP, HeaderValue::from(now_ms));
    if let Some(key) = &settings.hmac_key {
        headers.insert(SIGNATURE, ascii(&signature::sign(key.as_bytes(), body.as_bytes())));
        headers.insert(SIGNATURE_ALGORITHM, HeaderValue::from_static(ALGORITHM));
    }
    headers
}

/// The body, or None when it is longer than allowed: the connection is dropped then.
async fn read(mut response: Response, limit_bytes: usize) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error))? {
        if bytes.len() + chunk.len() > limit_bytes {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

fn not_taken(response: &Response, status: StatusCode) -> Failure {
    if !status.is_redirection() {
        return Failure::new(format!("status_{}", status.as_u16()), format!("it answered {status}"));
    }
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let to = to.and_then(|to| response.url().join(to).ok()).map(|to| to.origin().ascii_serialization());
    let to = to.map_or_else(String::new, |to| format!(" to {to}"));
    let message =
        format!("it answered {status} and redirects{to}, which is not followed: use the final address as url");
    Failure::new("redirected", message)
}

fn unanswered(error: &reqwest::Error) -> Failure {
    if let Some(refused) = Refused::in_error(error) {
        return Failure::new("private_address", refused.to_string());
    }
    if error.is_timeout() {
        return Failure::new("timeout", "it could not be connected to in time");
    }
    // The sources say what happened; the error itself would show the URL.
    let mut cause = std::error::Error::source(error);
    let mut innermost = None;
    while let Some(source) = cause {
        innermost = Some(source.to_string());
        cause = source.source();
    }
    let what = if error.is_connect() { "it cannot be reached" } else { "the connection broke before its answer" };
    let why = innermost.map_or_else(String::new, |why| format!(": {why}"));
    Failure::new("unreachable", format!("{what}{why}"))
}
