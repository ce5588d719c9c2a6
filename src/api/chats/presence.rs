//! `POST /api/{session}/presence`, `GET /api/{session}/presence/{chatId}`, `POST /api/{session}/presence/{chatId}/subscribe`

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::{Body, PathChat, PathSession},
        problem::{Answer, Problem},
    },
    model::ChatId,
    page::ChatState,
    session::Registry,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Presence {
    presence: Word,
    chat_id: Option<String>,
}

/// WAHA's words.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Online,
    Offline,
    Typing,
    Recording,
    Paused,
}

/// What others see of the account, or of it in one chat.
pub(super) async fn set(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
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
pub(super) async fn subscribe(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathChat(chat): PathChat,
) -> Answer<(StatusCode, Json<Value>)> {
    principal.require(Action::Send, &name)?;
    registry.watch_presence(&name, &chat).await?;
    Ok(done())
}

fn done() -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "result": true })))
}
