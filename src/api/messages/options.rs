//! What every send may bring beside its content: who, to whom, when, and how to take it over.

use axum::http::HeaderMap;

pub(super) use crate::outbox::send_fields::Address;
use crate::{
    api::{
        input::Body,
        problem::{Answer, Problem},
    },
    model::Content,
    outbox::{AcceptRequest, send_fields},
};

/// The request as the outbox takes it.
pub(super) fn request(body: &Body, headers: &HeaderMap, content: Content) -> Answer<AcceptRequest> {
    if let Some(what) = body.read::<send_fields::NotBuilt>()?.asked_for() {
        return Err(Problem::not_built(what));
    }
    let key = idempotency_key(headers)?;
    Ok(send_fields::request(body.read()?, (body.read()?, body.read()?), key, content))
}

fn idempotency_key(headers: &HeaderMap) -> Answer<Option<String>> {
    const NAME: &str = "Idempotency-Key";
    let Some(key) = headers.get(NAME) else { return Ok(None) };
    let key = key.to_str().map_err(|_| Problem::wrong_field(NAME, "this has 1 to 255 visible ASCII characters"))?;
    Ok(Some(key.to_owned()))
}
