//! `POST /api/{session}/presence`, `GET /api/{session}/presence/{chatId}`, `POST /api/{session}/presence/{chatId}/subscribe`

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::described::ChatPresences;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Body, PathChat, PathSession},
        openapi::{PageDegraded, PageTimeout},
        problem::{Answer, Problem},
        wire::Done,
    },
    model::ChatId,
    page::ChatState,
    session::Registry,
};

/// What others see.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Presence {
    presence: Word,
    /// In which chat, for typing, recording and paused.
    chat_id: Option<String>,
}

/// WAHA's words.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = PresenceWord)]
#[serde(rename_all = "lowercase")]
enum Word {
    Online,
    Offline,
    Typing,
    Recording,
    Paused,
}

/// What others see of the account, or of it in one chat.
#[utoipa::path(
    post, path = "/api/{session}/presence", tag = "chats", params(PathSession), request_body = Presence,
    responses(
        (status = 201, description = "It is shown", body = Done),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn set(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    body: Body,
) -> Answer<(StatusCode, Json<Done>)> {
    principal.require(Action::Send, &name)?;
    let Presence { presence, chat_id } = body.read()?;
    let state = match presence {
        Word::Online | Word::Offline => {
            registry.set_available(&name, matches!(presence, Word::Online)).await?;
            return Ok(done());
        }
        Word::Typing => ChatState::Composing,
        Word::Recording => ChatState::Recording,
        Word::Paused => ChatState::Paused,
    };
    let missing = || Problem::wrong_field("chatId", "this is missing: in which chat?");
    let chat = chat_id.ok_or_else(missing)?.parse::<ChatId>();
    let chat = chat.map_err(|error| Problem::wrong_field("chatId", error))?;
    registry.show_chat_state(&name, &chat, state).await?;
    Ok(done())
}

/// Somebody's presence, as far as the page knows it. Asking subscribes to it, as in WAHA: WhatsApp tells it a moment later.
#[utoipa::path(
    get, path = "/api/{session}/presence/{chatId}", tag = "chats", params(PathSession, PathChat),
    responses(
        (status = 200, description = "The presence", body = ChatPresences),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn get(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathChat(chat): PathChat,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    Ok(Json(registry.watch_presence(&name, &chat).await?))
}

/// Somebody's presence becomes `presence.update` events, until the session's browser is started anew.
#[utoipa::path(
    post, path = "/api/{session}/presence/{chatId}/subscribe", tag = "chats", params(PathSession, PathChat),
    responses(
        (status = 201, description = "It is watched", body = Done),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn subscribe(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathChat(chat): PathChat,
) -> Answer<(StatusCode, Json<Done>)> {
    principal.require(Action::Send, &name)?;
    registry.watch_presence(&name, &chat).await?;
    Ok(done())
}

fn done() -> (StatusCode, Json<Done>) {
    (StatusCode::CREATED, Json(Done::new()))
}
