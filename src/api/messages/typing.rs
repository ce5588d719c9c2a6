//! `POST /api/startTyping`, `POST /api/stopTyping`: at once, since "typing" that waits in a queue says nothing.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::Body,
        problem::{Answer, Problem},
    },
    model::{ChatId, SessionName},
    page::ChatState,
    session::Registry,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typing {
    session: SessionName,
    chat_id: String,
}

/// Shows "typing" until a message follows, it is stopped, or WhatsApp ends it by itself after some 25 s.
pub(super) async fn start(
    State(registry): State<Registry>,
    principal: Principal,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
    show(&registry, &principal, &body, ChatState::Composing).await
}

/// Ends "typing".
pub(super) async fn stop(
    State(registry): State<Registry>,
    principal: Principal,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
    show(&registry, &principal, &body, ChatState::Paused).await
}

async fn show(
    registry: &Registry,
    principal: &Principal,
    body: &Body,
    state: ChatState,
) -> Answer<(StatusCode, Json<Value>)> {
    let Typing { session, chat_id } = body.read()?;
    principal.require(Action::Send, &session)?;
    let chat: ChatId =
        chat_id.parse().map_err(|error: crate::model::InvalidChatId| Problem::wrong_field("chatId", error))?;
    registry.show_chat_state(&session, &chat, state).await?;
    Ok((StatusCode::CREATED, Json(json!({ "result": true }))))
}
