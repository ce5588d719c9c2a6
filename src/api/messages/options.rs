//! What every send may bring beside its content: what it answers, when it goes, and how to take it over.

use std::marker::PhantomData;

use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{AllOfBuilder, RefOr, Schema},
};

use super::handing_in::{OfMessage, OfSession};
use crate::{
    api::{
        input::Body,
        problem::{Answer, Problem},
    },
    model::{Content, SessionName},
    outbox::{
        AcceptRequest,
        send_fields::{self, Address, Takeover, When},
    },
};

/// A send: to whom, what, and when it may go.
pub(super) struct Sending<T>(PhantomData<T>);

/// What is done to another message: by which session, to which message, what, and when.
pub(super) struct Acting<T>(PhantomData<T>);

impl<T: PartialSchema> PartialSchema for Sending<T> {
    fn schema() -> RefOr<Schema> {
        together([Address::schema(), T::schema(), Reply::schema(), When::schema(), Takeover::schema()])
    }
}

impl<T: PartialSchema> PartialSchema for Acting<T> {
    fn schema() -> RefOr<Schema> {
        together([OfSession::schema(), OfMessage::schema(), T::schema(), When::schema(), Takeover::schema()])
    }
}

impl<T: ToSchema> ToSchema for Sending<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        When::schemas(schemas);
    }
}

impl<T: ToSchema> ToSchema for Acting<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        When::schemas(schemas);
    }
}

/// One object with what all of them have.
fn together<const N: usize>(parts: [RefOr<Schema>; N]) -> RefOr<Schema> {
    let all = parts.into_iter().fold(AllOfBuilder::new(), AllOfBuilder::item).build();
    RefOr::T(Schema::AllOf(all))
}

/// What a message answers.
#[derive(Deserialize, ToSchema)]
pub(super) struct Reply {
    /// An id in any form of it.
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
