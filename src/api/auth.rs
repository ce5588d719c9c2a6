//! Who asks. A key is held against its hash; it is never kept, logged or answered.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts as Head},
    middleware::Next,
    response::Response,
};

pub(super) use super::scope::{Action, Principal};
use super::{
    keys::Keys,
    problem::{Answer, Problem},
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Lets a request pass whose key is known, and notes whose it is.
pub(super) async fn authenticate(State(keys): State<Keys>, mut request: Request, next: Next) -> Answer<Response> {
    let principal = principal(&keys, request.headers()).await?;
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

/// Whose key a request brings.
pub(super) async fn principal(keys: &Keys, headers: &HeaderMap) -> Answer<Principal> {
    let given = headers.get(API_KEY).ok_or_else(|| unauthorised("the header X-Api-Key is missing"))?;
    of_key(keys, given.as_bytes()).await
}

/// Whose key a request for a websocket brings. A browser can give it no header of its own, so the query may have the key, as in
/// WAHA; the header comes first.
pub(super) async fn socket_principal(keys: &Keys, headers: &HeaderMap, query: Option<&str>) -> Answer<Principal> {
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
