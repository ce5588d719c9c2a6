//! Who asks. A key is held against its hash; it is never kept, logged or answered.

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts as Head},
    middleware::Next,
    response::{IntoResponse, Response},
};

pub(super) use super::scope::{Action, Principal};
use super::{
    address::ClientAddress,
    keys::Keys,
    limiter::{self, Counted},
    problem::{Answer, Problem},
    state::Parts,
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Lets a request pass whose key is known, and notes whose it is.
pub(super) async fn authenticate(State(parts): State<Parts>, mut request: Request, next: Next) -> Answer<Response> {
    let principal = known(&parts, request.headers(), request.extensions()).await?;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let action = limiter::action(request.method(), &route);
    // Whoever may not do that is told so, however often.
    let may = principal.is_admin() || principal.has(action);
    let sessions = parts.rooms.registry.count();
    let counted = if may { parts.limiter.request(&principal, action, sessions).await } else { None };
    let mut response = match counted.as_ref().map_or(Ok(()), Counted::admit) {
        Ok(()) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(counted) = counted {
        counted.tell(response.headers_mut());
    }
    Ok(response)
}

/// Whose key a request brings. Wrong keys are counted by the address that they come from.
pub(super) async fn known(parts: &Parts, headers: &HeaderMap, extensions: &Extensions) -> Answer<Principal> {
    let found = principal(&parts.rooms.keys, headers).await;
    counting_wrong_ones(parts, extensions, headers.contains_key(API_KEY), found).await
}

/// The same for a websocket, whose key may be in its query.
pub(super) async fn known_by_socket(parts: &Parts, head: &Head, query: Option<&str>) -> Answer<Principal> {
    let found = socket_principal(&parts.rooms.keys, &head.headers, query).await;
    let has_key = query.is_some() || head.headers.contains_key(API_KEY);
    counting_wrong_ones(parts, &head.extensions, has_key, found).await
}

async fn counting_wrong_ones(
    parts: &Parts,
    extensions: &Extensions,
    has_key: bool,
    found: Answer<Principal>,
) -> Answer<Principal> {
    let is_wrong = has_key && found.as_ref().is_err_and(|refused| refused.status() == StatusCode::UNAUTHORIZED);
    if let (true, Some(ClientAddress(address))) = (is_wrong, extensions.get()) {
        parts.limiter.wrong_key(*address).await?;
    }
    found
}

/// Whose key a request brings.
async fn principal(keys: &Keys, headers: &HeaderMap) -> Answer<Principal> {
    let given = headers.get(API_KEY).ok_or_else(|| unauthorised("the header X-Api-Key is missing"))?;
    of_key(keys, given.as_bytes()).await
}

/// Whose key a request for a websocket brings. A browser can give it no header of its own, so the query may have the key, as in
/// WAHA; the header comes first.
async fn socket_principal(keys: &Keys, headers: &HeaderMap, query: Option<&str>) -> Answer<Principal> {
    let given = headers.get(API_KEY).map(HeaderValue::as_bytes).or_else(|| query.map(str::as_bytes));
    of_key(keys, given.ok_or_else(|| unauthorised("the parameter x-api-key, or the header, is missing"))?).await
}

async fn of_key(keys: &Keys, given: &[u8]) -> Answer<Principal> {
    let record = keys.find(given).await?;
    Ok(Principal::of(record.ok_or_else(|| unauthorised("the key in X-Api-Key is wrong or revoked"))?))
}

fn unauthorised(why: &str) -> Problem {
    let hint = "the admin key is in the file admin.key of the data folder, or what DROVER_API_KEY was set to";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", format!("{why}; {hint}"))
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, _: &S) -> Answer<Self> {
        head.extensions.get::<Self>().cloned().ok_or_else(|| unauthorised("this needs a key"))
    }
}
