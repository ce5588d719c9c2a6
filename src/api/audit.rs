//! The audit log: who changed what, when, and how it ended. Refusals are in it, too. Messages that are handed in are not: each
//! has its own row and its history. Never a secret, never a text.

mod list;

use axum::{
    extract::{FromRequestParts, MatchedPath, Query, RawPathParams, Request, State},
    http::{StatusCode, request::Parts as Head},
    middleware::Next,
    response::Response,
};
use tracing::warn;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    address::ClientAddress,
    auth::{Action, Principal},
    limiter,
    problem::Problem,
    request::RequestId,
    state::Parts,
};
use crate::store::{AuditActor, AuditEntry, AuditResult};

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(list::list))
}

/// Writes down who changed what, around whoever carries it out: a client's request, or a button of the dashboard.
pub(super) async fn note(State(parts): State<Parts>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let Some(principal) = request.extensions().get::<Principal>().cloned() else { return next.run(request).await };
    let (request, pending) = Pending::of(request, &principal, &route).await;
    let response = next.run(request).await;
    if let Some(pending) = pending {
        let entry = pending.ended(parts.rooms.clock.now_ms(), &response);
        // What cannot be written is in the log instead: the request was carried out.
        if let Err(error) = parts.rooms.store.audit().add(entry.clone()).await {
            warn!(%error, ?entry, "what was changed was not written into the audit log");
        }
    }
    response
}

/// Put into an answer by who made something: what it was.
#[derive(Debug, Clone)]
pub(super) struct Made(pub(super) String);

/// What is to be written down of a request, once it is answered.
struct Pending {
    who: AuditActor,
    action: String,
    target: String,
    request_id: String,
}

impl Pending {
    /// None for a request that changes nothing, or hands a message in.
    async fn of(request: Request, principal: &Principal, route: &str) -> (Request, Option<Self>) {
        if limiter::action(request.method(), route) != Action::Control {
            return (request, None);
        }
        let (mut head, body) = request.into_parts();
        let pending = Self::of_head(&mut head, principal, route).await;
        (Request::from_parts(head, body), Some(pending))
    }

    async fn of_head(head: &mut Head, principal: &Principal, route: &str) -> Self {
        let address = head.extensions.get::<ClientAddress>();
        let address = address.map_or_else(String::new, |ClientAddress(address)| address.to_string());
        let request_id = head.extensions.get::<RequestId>().map_or_else(String::new, |RequestId(id)| id.clone());
        Self {
            who: AuditActor { key_id: principal.key_id().to_owned(), address },
            action: format!("{} {route}", head.method),
            target: target(head).await,
            request_id,
        }
    }

    /// The whole entry.
    fn ended(self, at_ms: i64, response: &Response) -> AuditEntry {
        let Self { who, action, mut target, request_id } = self;
        if let Some(Made(made)) = response.extensions().get::<Made>() {
            target = made.clone();
        }
        let code = response.extensions().get::<Problem>().map(|problem| problem.code().to_owned());
        let result = AuditResult { status: status(response).as_u16(), code };
        AuditEntry { id: 0, at_ms, who, action, target, result, request_id }
    }
}

fn status(response: &Response) -> StatusCode {
    response.extensions().get::<Problem>().map_or_else(|| response.status(), Problem::status)
}

/// What the path names, and the session of the query.
async fn target(head: &mut Head) -> String {
    const LONGEST: usize = 200;
    let mut named: Vec<String> = Vec::new();
    if let Ok(params) = RawPathParams::from_request_parts(head, &()).await {
        named.extend(params.iter().map(|(name, value)| format!("{name}={value}")));
    }
    if let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&head.uri) {
        let of_query = pairs.into_iter().filter(|(name, _)| ["session", "confirm"].contains(&name.as_str()));
        named.extend(of_query.map(|(name, value)| format!("{name}={value}")));
    }
    named.join(" ").chars().filter(|character| !character.is_control()).take(LONGEST).collect()
}
