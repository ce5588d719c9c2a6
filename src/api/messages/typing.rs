//! `POST /api/startTyping`, `POST /api/stopTyping`: at once, since "typing" that waits in a queue says nothing.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::Body,
        openapi::{PageDegraded, PageTimeout},
        problem::{Answer, Problem},
        wire::Done,
    },
    model::{ChatId, SessionName},
    page::ChatState,
    session::Registry,
};

/// Where "typing" is shown.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Typing {
    #[schema(value_type = String, example = "main")]
    session: SessionName,
    #[schema(example = "15551234567@c.us")]
    chat_id: String,
}

/// Shows "typing" until a message follows, it is stopped, or WhatsApp ends it by itself after some 25 s.
#[utoipa::path(
    post, path = "/api/startTyping", tag = "messages", request_body = Typing,
    responses(
        (status = 201, description = "It is shown", body = Done),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn start(
    State(registry): State<Registry>,
    principal: Principal,
    body: Body,
) -> Answer<(StatusCode, Json<Done>)> {
    show(&registry, &principal, &body, ChatState::Composing).await
}

/// Ends "typing".
#[utoipa::path(
    post, path = "/api/stopTyping", tag = "messages", request_body = Typing,
    responses(
        (status = 201, description = "It is shown no more", body = Done),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn stop(
    State(registry): State<Registry>,
    principal: Principal,
    body: Body,
) -> Answer<(StatusCode, Json<Done>)> {
    show(&registry, &principal, &body, ChatState::Paused).await
}

async fn show(
    registry: &Registry,
    principal: &Principal,
    body: &Body,
    state: ChatState,
) -> Answer<(StatusCode, Json<Done>)> {
    let Typing { session, chat_id } = body.read()?;
    principal.require(Action::Send, &session)?;
    let chat: ChatId =
        chat_id.parse().map_err(|error: crate::model::InvalidChatId| Problem::wrong_field("chatId", error))?;
    registry.show_chat_state(&session, &chat, state).await?;
    Ok((StatusCode::CREATED, Json(Done::new())))
}
