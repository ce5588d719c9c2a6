//! What every send may bring beside its content: what it answers, when it goes, and how to take it over.

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    api::{
        input::Body,
        problem::{Answer, Problem},
    },
    model::{Content, Priority, SessionName, message::Schedule},
    outbox::{AcceptOptions, AcceptRequest},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct When {
    priority: Option<Priority>,
    send_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Takeover {
    id: Option<String>,
    allow_duplicate: Option<bool>,
}

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
    let When { priority, send_at, expires_at } = body.read()?;
    let Takeover { id, allow_duplicate } = body.read()?;
    let schedule = Schedule {
        priority: priority.unwrap_or_default(),
        send_at_ms: send_at.map(Timestamp::as_millisecond),
        expires_at_ms: expires_at.map(Timestamp::as_millisecond),
    };
    let options = AcceptOptions {
        idempotency_key: idempotency_key(headers)?,
        allow_duplicate: allow_duplicate.unwrap_or(false),
        id: id.filter(|id| !id.is_empty()),
    };
    Ok(AcceptRequest { session, chat, content, schedule, options })
}

fn idempotency_key(headers: &HeaderMap) -> Answer<Option<String>> {
    const NAME: &str = "Idempotency-Key";
    let Some(key) = headers.get(NAME) else { return Ok(None) };
    let key = key.to_str().map_err(|_| Problem::wrong_field(NAME, "this has 1 to 255 visible ASCII characters"))?;
    Ok(Some(key.to_owned()))
}
