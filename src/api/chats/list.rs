//! `GET /api/{session}/chats`, `GET /api/{session}/chats/overview`, `GET /api/{session}/chats/{chatId}/picture`

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::{Params, PathChat, PathSession},
        openapi::{PageDegraded, PageOfList, PageTimeout},
        problem::{Answer, Problem},
    },
    session::Registry,
};

/// The most at once.
const MOST: usize = 500;
/// As many as WAHA gives without a limit.
const USUAL: usize = 20;

/// A chat, as the page has it.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, example = json!({
    "id": "15551234567@c.us", "name": "Ana", "isGroup": false, "unreadCount": 2, "timestamp": 1_795_000_000,
    "archived": false, "lastMessage": null,
}))]
pub(super) struct Chat(Value);

/// A chat as a list shows it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatOverview {
    #[schema(value_type = String, example = "15551234567@c.us")]
    id: Value,
    #[schema(value_type = Option<String>, example = "Ana")]
    name: Value,
    /// Always null: a list does not ask WhatsApp's servers for a picture of each.
    picture: Option<String>,
    /// A `WAMessage`, or null.
    last_message: Value,
    #[serde(rename = "_chat")]
    chat: Chat,
}

/// Where a chat's picture is.
#[derive(Serialize, ToSchema)]
pub(super) struct ChatPicture {
    /// null when there is none, or it is hidden.
    #[schema(value_type = Option<String>)]
    url: Value,
}

/// The query's `limit` and `offset`.
pub(super) fn part(params: &Params, usual: usize) -> Answer<(usize, usize)> {
    let limit = params.optional::<usize>("limit")?.unwrap_or(usual);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::wrong_field("limit", format!("this is between 1 and {MOST}")));
    }
    Ok((limit, params.optional("offset")?.unwrap_or(0)))
}

/// The chats, the last written to first.
#[utoipa::path(
    get, path = "/api/{session}/chats", tag = "chats", params(PathSession, PageOfList),
    responses(
        (status = 200, description = "The chats", body = [Chat]),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn chats(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    params: Params,
) -> Answer<Json<Vec<Chat>>> {
    principal.require(Action::Read, &name)?;
    let (limit, offset) = part(&params, MOST)?;
    Ok(Json(registry.chats(&name, limit, offset).await?.into_iter().map(Chat).collect()))
}

/// The chats as a list shows them.
#[utoipa::path(
    get, path = "/api/{session}/chats/overview", tag = "chats", params(PathSession, PageOfList),
    responses(
        (status = 200, description = "The chats", body = [ChatOverview]),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn overview(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    params: Params,
) -> Answer<Json<Vec<ChatOverview>>> {
    principal.require(Action::Read, &name)?;
    let (limit, offset) = part(&params, USUAL)?;
    let chats = registry.chats(&name, limit, offset).await?;
    let line = |chat: Value| ChatOverview {
        id: chat["id"].clone(),
        name: chat["name"].clone(),
        picture: None,
        last_message: chat["lastMessage"].clone(),
        chat: Chat(chat),
    };
    Ok(Json(chats.into_iter().map(line).collect()))
}

/// The chat's picture.
#[utoipa::path(
    get, path = "/api/{session}/chats/{chatId}/picture", tag = "chats", params(PathSession, PathChat),
    responses(
        (status = 200, description = "Where the picture is", body = ChatPicture),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn picture(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathChat(chat): PathChat,
) -> Answer<Json<ChatPicture>> {
    principal.require(Action::Read, &name)?;
    Ok(Json(ChatPicture { url: registry.picture(&name, &chat).await? }))
}
