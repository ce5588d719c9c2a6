//! What surrounds every request: its id, its span in the log, and the body of its problem, if it ends in one.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use metrics::{counter, histogram};
use rand::RngExt;
use tracing::{Instrument, debug, error, error_span, field::Empty, info};

use super::{limiter, problem::Problem};
use crate::telemetry::{self, Caller};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over.
const LONGEST_ID: usize = 128;

/// Runs a request inside its span and finishes the answer. The span names the route, not the path: a path may hold a number.
pub(super) async fn frame(mut request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(make_id);
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    // At the level of errors, so that it stands in the lines of every filter. Who may is asked before anything is done with a session:
    // that notes its name.
    let span = error_span!("request", request_id = %id, session.id = Empty, method = %request.method(), route);
    let method = metric_method(request.method());
    telemetry::follow(&span, caller(request.headers()));
    request.extensions_mut().insert(RequestId(id.clone()));
    let began = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let _entered = span.enter();
    let mut response = finish(response, &id);
    telemetry::note_answer(&span, response.status().as_u16());
    let status = response.status().as_u16().to_string();
    counter!("drover_http_requests_total", "route" => route.clone(), "method" => method, "status" => status)
        .increment(1);
    histogram!("drover_http_request_seconds", "route" => route, "method" => method).record(began.elapsed());
    debug!(
        status = response.status().as_u16(),
        took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whose trace this request is part of.
fn caller(headers: &HeaderMap) -> Caller<'_> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Caller { traceparent: text("traceparent"), tracestate: text("tracestate") }
}

/// The request's id, for who writes it down.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// A label has few values, whatever a client calls its method.
fn metric_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// An id that the caller chose: letters, digits and `._-:` only, so that it cannot forge a line of the log.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
    ((1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_plain)).then(|| id.to_owned())
}

pub(super) fn make_id() -> String {
    let bytes: [u8; 12] = rand::rng().random();
    bytes.iter().fold("req_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

fn finish(mut response: Response, id: &str) -> Response {
    // A handler that answers JSON means it, as the health's 503 with its parts, and the dashboard draws problems for people;
    // axum's own refusals are text.
    let is_meant = is_of_kind(&response, "application/json") || is_of_kind(&response, "text/html");
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_error(&response) && !is_meant => Problem::of_status(response.status()),
        None => return response,
    };
    if problem.status().is_server_error() && problem.status() != StatusCode::NOT_IMPLEMENTED {
        error!(code = problem.code(), cause = problem.for_log(), "a request failed");
    } else if may_anybody_cause(&problem) {
        debug!(code = problem.code(), "a request was refused");
    } else {
        info!(code = problem.code(), "a request was refused");
    }
    if is_meant {
        return response;
    }
    let mut rendered = problem.render(id).into_response();
    for name in [header::ALLOW, header::CONTENT_RANGE, limiter::POLICY, limiter::LEFT] {
        if let Some(value) = response.headers_mut().remove(&name) {
            rendered.headers_mut().insert(name, value);
        }
    }
    rendered
}

/// Without a key, and as often as they like: such refusals would bury the log.
fn may_anybody_cause(problem: &Problem) -> bool {
    matches!(problem.status(), StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS)
        || problem.code() == Problem::no_such_path().code()
}

fn is_error(response: &Response) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}

fn is_of_kind(response: &Response, wanted: &str) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::problem::tests::body_of;
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt;

    async fn answer(path: &str, id: Option<&str>) -> Response {
        let router: Router = Router::new()
            .route("/good", get(async || "good"))
            .route("/bad", get(async || Problem::wrong_field("text", "empty")))
            .route("/panic", get(async || -> &'static str { panic!("the key is secret") }))
            .fallback(async || Problem::no_such_path())
            .layer(tower_http::catch_panic::CatchPanicLayer::custom(crate::api::problem::of_panic))
            .layer(middleware::from_fn(frame));
        let mut request = Request::builder().uri(path);
        if let Some(id) = id {
            request = request.header(REQUEST_ID, id);
        }
        if path == "/good?post" {
            request = request.method("POST");
        }
        router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer")
    }

    #[tokio::test]
    async fn an_id_is_taken_over_or_made() {
        let taken = answer("/good", Some("trace-1.a:b_c")).await;
        assert_eq!(taken.headers()[REQUEST_ID], "trace-1.a:b_c");
        for refused in ["", "a b", "a\"b", &"a".repeat(129)] {
            let response = answer("/good", Some(refused)).await;
            let made = response.headers()[REQUEST_ID].to_str().expect("text").to_owned();
            assert!(made.starts_with("req_") && made.len() == 28, "{made}");
        }
    }

    #[tokio::test]
    async fn every_error_leaves_as_a_problem_with_the_requests_id() {
        for (path, status, code) in [
            ("/bad", 422, "invalid_request"),
            ("/nowhere", 404, "no_such_path"),
            ("/good?post", 405, "method_not_allowed"),
            ("/panic", 500, "internal"),
        ] {
            let response = answer(path, Some("r1")).await;
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers().contains_key(header::ALLOW), status == 405);
            let body = body_of(response).await;
            assert_eq!((body["code"].as_str(), body["requestId"].as_str()), (Some(code), Some("r1")));
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }

    #[tokio::test]
    async fn no_answer_is_kept_by_a_cache() {
        assert_eq!(answer("/good", None).await.headers()[header::CACHE_CONTROL], "no-store");
    }
}
