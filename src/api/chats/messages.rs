//! `GET /api/{session}/chats/{chatId}/messages?limit=&offset=`, and its old form `GET /api/messages?session=&chatId=&limit=&offset=`

use axum::{Json, extract::State, http::StatusCode};
use serde_json::Value;

use super::{described::ChatMessage, list::part};
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Params, PathChat, PathSession},
        openapi::{NamedSession, PageDegraded, PageOfList, PageTimeout},
        problem::{Answer, Problem},
    },
    model::{ChatId, SessionName},
    session::Registry,
};

/// As many as WAHA gives without a limit.
const USUAL: usize = 10;

/// A chat's messages, the newest first, as the page has them: also those from before drover.
#[utoipa::path(
    get, path = "/api/{session}/chats/{chatId}/messages", tag = "chats", params(PathSession, PathChat, PageOfList),
    responses(
        (status = 200, description = "The messages, as `WAMessage`s", body = [ChatMessage]),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn messages(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathChat(chat): PathChat,
    params: Params,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    read(&registry, &name, &chat, &params).await
}

/// The same by query, as older clients of WAHA ask.
#[utoipa::path(
    get, path = "/api/messages", tag = "chats",
    params(
        NamedSession,
        ("chatId" = String, Query, description = "A chat's id, or a number", example = "15551234567@c.us"),
        PageOfList,
    ),
    responses(
        (status = 200, description = "The messages, as `WAMessage`s", body = [ChatMessage]),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn by_query(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Value>> {
    let name: SessionName = params.required("session")?;
    principal.require(Action::Read, &name)?;
    let chat: ChatId = params.required("chatId")?;
    read(&registry, &name, &chat, &params).await
}

async fn read(registry: &Registry, name: &SessionName, chat: &ChatId, params: &Params) -> Answer<Json<Value>> {
    let messages = registry.chat_messages(name, chat, part(params, USUAL)?).await?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown_chat", format!("the session has no chat {chat}"));
    Ok(Json(messages.ok_or_else(unknown)?.into()))
}
