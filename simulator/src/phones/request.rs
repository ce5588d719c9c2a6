//! What is read from a request: a JSON body, a phone that exists, a chat of it.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::id::{ChatId, Number, Thread};
use crate::simulator::Simulator;
use crate::world::World;

/// A JSON body, whatever its content type says; an empty one is `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Simulator> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, simulator: &Simulator) -> Result<Self, ApiError> {
        let bytes =
            Bytes::from_request(request, simulator).await.map_err(|error| ApiError::Invalid(error.to_string()))?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let mut reader = serde_json::Deserializer::from_slice(text);
        let body =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.path().to_string().as_str() {
                "." => ApiError::Invalid(format!("the body is not right: {}", error.inner())),
                field => ApiError::Invalid(format!("{field}: {}", error.inner())),
            })?;
        reader.end().map_err(|error| ApiError::Invalid(format!("the body is not right: {error}")))?;
        Ok(Self(body))
    }
}

/// The phone that `{number}` in the path names, which must be known.
pub(crate) struct KnownPhone(pub(crate) Number);

impl FromRequestParts<Simulator> for KnownPhone {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, simulator: &Simulator) -> Result<Self, ApiError> {
        let written = path_part(parts, simulator, "number").await;
        let known =
            Number::parse(&written).filter(|number| simulator.with(|world| world.people.phone(*number).is_some()));
        known.map(Self).ok_or(ApiError::UnknownPhone(written))
    }
}

/// The phone and the conversation that `{number}` and `{chat}` in the path name.
pub(crate) struct KnownThread {
    pub(crate) owner: Number,
    pub(crate) thread: Thread,
}

impl FromRequestParts<Simulator> for KnownThread {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, simulator: &Simulator) -> Result<Self, ApiError> {
        let KnownPhone(owner) = KnownPhone::from_request_parts(parts, simulator).await?;
        let written = path_part(parts, simulator, "chat").await;
        let thread = simulator.with(|world| thread_named(world, owner, &written))?;
        Ok(Self { owner, thread })
    }
}

async fn path_part(parts: &mut Parts, simulator: &Simulator, name: &str) -> String {
    let parsed = Path::<HashMap<String, String>>::from_request_parts(parts, simulator).await;
    parsed.ok().and_then(|Path(mut all)| all.remove(name)).unwrap_or_default()
}

/// The conversation that a chat id, or bare digits, means to `owner`.
pub(crate) fn thread_named(world: &World, owner: Number, written: &str) -> Result<Thread, ApiError> {
    match ChatId::parse(written) {
        Some(ChatId::Group(id)) if !world.groups.members(id).contains(&owner) => {
            Err(ApiError::NotFound(format!("{owner} is in no group {written}")))
        }
        Some(chat) => Ok(chat.thread(owner)),
        None => Number::parse(written)
            .map(|other| Thread::direct(owner, other))
            .ok_or_else(|| ApiError::NotFound(format!("'{written}' is no chat: give a number or a chat id"))),
    }
}
