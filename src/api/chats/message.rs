//! `GET /api/{session}/chats/{chatId}/messages/{messageId}`

use axum::{Json, extract::State, http::StatusCode};
use serde_json::Value;

use super::described::ChatMessage;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{PathChat, PathMessage, PathSession},
        openapi::{PageDegraded, PageTimeout},
        problem::{Answer, Problem},
    },
    model::{ChatId, MessageId, MessageKey, SessionName},
    session::Registry,
    store::Store,
};

/// A message by any form of its id, as the page has it: also one from before drover.
#[utoipa::path(
    get, path = "/api/{session}/chats/{chatId}/messages/{id}", tag = "chats", params(PathSession, PathChat, PathMessage),
    responses(
        (status = 200, description = "The message, as `WAMessage`", body = ChatMessage),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn message(
    State(registry): State<Registry>,
    State(store): State<Store>,
    principal: Principal,
    PathSession(name): PathSession,
    PathChat(chat): PathChat,
    PathMessage(form): PathMessage,
) -> Answer<Json<Value>> {
    principal.require(Action::Read, &name)?;
    registry.view(&name)?;
    let key = key_of(&store, &name, &form).await?;
    let found = match key.filter(|key| is_in(key, &chat)) {
        Some(key) => registry.message(&name, &key).await?,
        None => None,
    };
    let unknown = || {
        let message = "the session's page has no message of this id in this chat; its full id is true_<chat>_<id> or false_<chat>_<id>";
        Problem::new(StatusCode::NOT_FOUND, "unknown_message", message)
    };
    found.map(Json).ok_or_else(unknown)
}

/// The full key. Of a bare id it is known for what was sent or came in here.
async fn key_of(store: &Store, session: &SessionName, form: &str) -> Answer<Option<MessageKey>> {
    let given = form.parse::<MessageKey>().ok();
    let bare = given.as_ref().map_or(form, MessageKey::id);
    if let Ok(id) = bare.parse::<MessageId>()
        && given.as_ref().is_none_or(MessageKey::from_me)
        && let Some(sent) = store.messages().get(&id).await?
        && sent.session == *session
    {
        return Ok(sent.progress.key.or(given));
    }
    if given.is_some() {
        return Ok(given);
    }
    Ok(store.inbound().find(session, bare).await?.map(|record| record.key))
}

/// A person's chat may be named by the number or by the hidden one.
fn is_in(key: &MessageKey, chat: &ChatId) -> bool {
    key.remote() == chat.as_str() || !key.remote().ends_with("@g.us") && !chat.is_group()
}
