//! What every send may bring beside its content: what it answers, when it goes, and how to take it over.

use axum::http::HeaderMap;
use serde::Deserialize;

use crate::{
    api::{
        input::Body,
        problem::{Answer, Problem},
    },
    model::{Content, SessionName},
    outbox::{
        AcceptRequest,
        send_fields::{self, Address},
    },
};

/// What a message answers.
#[derive(Deserialize)]
pub(super) struct Reply {
    pub(super) reply_to: Option<String>,
}

/// The request as the outbox takes it; the pair is to whom and what.
pub(super) fn request(
    body: &Body,
    headers: &HeaderMap,
    session: SessionName,
    (chat, content): (String, Content),
) -> Answer<AcceptRequest> {
    let key = idempotency_key(headers)?;
    Ok(send_fields::request(Address { session, chat }, (body.read()?, body.read()?), key, content))
}

fn idempotency_key(headers: &HeaderMap) -> Answer<Option<String>> {
    const NAME: &str = "Idempotency-Key";
    let Some(key) = headers.get(NAME) else { return Ok(None) };
    let key = key.to_str().map_err(|_| Problem::wrong_field(NAME, "this has 1 to 255 visible ASCII characters"))?;
    Ok(Some(key.to_owned()))
}
