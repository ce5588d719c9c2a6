//! `GET /api/{session}/chats`, `GET /api/{session}/chats/overview`, `GET /api/{session}/chats/{chatId}/picture`

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::{Params, PathChat, PathSession},
        problem::{Answer, Problem},
    },
    session::Registry,
};

/// The most at once.
const MOST: usize = 500;
/// As many as WAHA gives without a limit.
const USUAL: usize = 20;

/// The query's `limit` and `offset`.
pub(super) fn part(params: &Params, usual: usize) -> Answer<(usize, usize)> {
    let limit = params.optional::<usize>("limit")?.unwrap_or(usual);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::wrong_field("limit", format!("this is between 1 and {MOST}")));
    }
    Ok((limit, params.optional("offset")?.unwrap_or(0)))
}

/// The chats, the last written to first.
pub(super) async fn chats(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    params: Params,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    let (limit, offset) = part(&params, MOST)?;
    Ok(Json(registry.chats(&name, limit, offset).await?.into()))
}

/// The chats as a list shows them.
pub(super) async fn overview(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    params: Params,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    let (limit, offset) = part(&params, USUAL)?;
    let chats = registry.chats(&name, limit, offset).await?;
    // A list does not ask WhatsApp's servers for a picture of each.
    let line = |chat: Value| {
        json!({
            "id": chat["id"],
            "name": chat["name"],
            "picture": null,
            "lastMessage": chat["lastMessage"],
            "_chat": chat,
        })
    };
    Ok(Json(chats.into_iter().map(line).collect()))
}

/// The chat's picture.
pub(super) async fn picture(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathChat(chat): PathChat,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    Ok(Json(json!({ "url": registry.picture(&name, &chat).await? })))
}
