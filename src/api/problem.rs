//! Errors on the wire: RFC 9457's problem details, with our `code`, `requestId` and `fields`, and WAHA's `statusCode` and
//! `message`.
//!
//! A [`Problem`] travels as an extension of an empty response; `request::frame` gives it its body, since only there the
//! request's id is known. A cause is for the log alone.

mod rooms;

use std::{any::Any, fmt::Display, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a handler answers with.
pub(super) type Answer<T> = Result<T, Problem>;

/// An error as a client gets to see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem(Box<Details>);

#[derive(Debug, Clone, PartialEq)]
struct Details {
    status: StatusCode,
    code: &'static str,
    message: String,
    fields: Vec<WrongField>,
    extra: Map<String, Value>,
    retry_after: Option<Duration>,
    cause: Option<String>,
}

/// A field that is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct WrongField {
    field: String,
    message: String,
}

impl Problem {
    /// A problem with a stable code for programs and a sentence for people.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            code,
            message: message.into(),
            fields: Vec::new(),
            extra: Map::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// A field of the request is wrong.
    pub(super) fn wrong_field(field: impl Into<String>, message: impl Display) -> Self {
        let field = field.into();
        let text = format!("{field}: {message}");
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", text);
        problem.0.fields.push(WrongField { field, message: message.to_string() });
        problem
    }

    /// The session is not in a state in which that can be done, in WAHA's words.
    pub(super) fn wrong_state(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_state", message)
    }

    /// Something of ours failed; `cause` goes to the log.
    pub(super) fn internal(cause: impl Display) -> Self {
        let message = "something failed inside drover; its log tells what, under this requestId";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).caused_by(cause)
    }

    /// No picture of that name is kept.
    pub(super) fn unknown_screenshot(name: &str) -> Self {
        let message = format!("there is no screenshot '{name}'; the session's `screenshots` lists those that are kept");
        Self::new(StatusCode::NOT_FOUND, "unknown_screenshot", message)
    }

    /// The path leads nowhere.
    pub(super) fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_path", "there is nothing at this path")
    }

    /// An operation that drover does not have.
    pub(super) fn not_built(what: impl Display) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", format!("drover does not have {what} yet"))
    }

    /// What the log says of it beside the message.
    pub(super) fn caused_by(mut self, cause: impl Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// A member of its own in the body.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(name.to_owned(), value.into());
        self
    }

    /// When to ask again.
    pub(super) fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.0.status
    }

    pub(super) fn code(&self) -> &'static str {
        self.0.code
    }

    /// When to ask again, in whole seconds.
    pub(super) fn retry_after_s(&self) -> Option<u64> {
        self.0.retry_after.map(|after| after.as_secs().max(1))
    }

    /// The sentence for people.
    pub(super) fn message(&self) -> &str {
        &self.0.message
    }

    /// What happened, for the log.
    pub(super) fn for_log(&self) -> &str {
        self.0.cause.as_deref().unwrap_or(&self.0.message)
    }

    /// The problem that a bare error status stands for: those that axum and its layers answer with.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => return Self::no_such_path(),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this path has no such method; see the header Allow")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is longer than http.body_limit_bytes allows"),
            StatusCode::REQUEST_TIMEOUT => ("body_too_slow", "nothing of the body came for http.body_stall_s"),
            StatusCode::SERVICE_UNAVAILABLE => {
                ("timeout", "this took longer than http.request_timeout_s allows; it may still happen")
            }
            status if status.is_server_error() => return Self::internal(status),
            _ => ("bad_request", "this request cannot be understood"),
        };
        Self::new(status, code, message)
    }

    /// The response with its body.
    pub(super) fn render(&self, request_id: &str) -> Response {
        let Details { status, code, message, fields, extra, retry_after, .. } = &*self.0;
        let body = Body {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: message,
            own: Own { code, request_id, fields },
            waha: Waha { status_code: status.as_u16(), message },
            extra,
        };
        let mut response = (*status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }
}

/// RFC 9457, section 3.1; `about:blank` says that the status tells the kind.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "chatId: missing field `chatId`",
    "code": "invalid_request", "requestId": "req_0123456789abcdef01234567",
    "fields": [{ "field": "chatId", "message": "missing field `chatId`" }],
    "statusCode": 422, "message": "chatId: missing field `chatId`",
}))]
pub(super) struct Body<'p> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'p str,
    #[serde(flatten)]
    #[schema(inline)]
    own: Own<'p>,
    #[serde(flatten)]
    #[schema(inline)]
    waha: Waha<'p>,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    extra: &'p Map<String, Value>,
}

/// What programs read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Own<'p> {
    code: &'static str,
    request_id: &'p str,
    fields: &'p [WrongField],
}

/// What WAHA's clients read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Waha<'p> {
    status_code: u16,
    message: &'p str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer to a request whose handler panicked.
pub(super) fn of_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Problem::internal(format!("a handler panicked: {}", text.unwrap_or_default())).into_response()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::api) async fn body_of(response: Response) -> Value {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[tokio::test]
    async fn a_problem_speaks_both_languages() {
        let problem = Problem::wrong_field("chatId", "a number").with("session", "main").caused_by("the secret cause");
        let response = problem.render("req_1");
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let expected = serde_json::json!({
            "type": "about:blank",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "chatId: a number",
            "code": "invalid_request",
            "requestId": "req_1",
            "fields": [{ "field": "chatId", "message": "a number" }],
            "statusCode": 422,
            "message": "chatId: a number",
            "session": "main",
        });
        assert_eq!(body_of(response).await, expected);
    }

    #[tokio::test]
    async fn a_cause_stays_inside() {
        let problem = Problem::internal("password=secret");
        assert_eq!(problem.for_log(), "password=secret");
        let body = body_of(problem.render("req_1")).await.to_string();
        assert!(!body.contains("secret"), "{body}");
    }

    #[test]
    fn when_to_ask_again_is_a_header_of_at_least_a_second() {
        let problem = Problem::no_such_path().retry_after(Duration::from_millis(20));
        assert_eq!(problem.render("").headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn every_bare_status_has_a_code() {
        for status in [400, 404, 405, 408, 413, 415, 500, 503] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(Problem::of_status(status).status().is_server_error(), status.is_server_error());
            assert!(!Problem::of_status(status).code().is_empty());
        }
    }
}
