//! `PUT|DELETE /api/{session}/chats/{chatId}/messages/{id}`: a new text for a message, or its end.

use axum::{http::StatusCode, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::handing_in::{HandingIn, Target, is_in};
use crate::{
    api::{
        input::{PathChat, PathMessage, PathSession},
        openapi::{Conflict, Wait},
        problem::{Answer, Problem},
        wire::WAMessage,
    },
    model::{ChatId, Content},
};

/// A new text.
#[derive(Deserialize, ToSchema)]
pub(super) struct Edit {
    #[schema(example = "see you at eleven")]
    text: String,
}

/// Takes an edit over.
#[utoipa::path(
    put, path = "/api/{session}/chats/{chatId}/messages/{id}", tag = "messages", params(PathSession, PathChat, PathMessage, Wait),
    request_body = Edit,
    responses(
        (status = 200, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn edit(
    PathChat(chat): PathChat,
    PathMessage(form): PathMessage,
    request: HandingIn,
) -> Answer<Response> {
    let Edit { text: body } = request.body.read()?;
    let Target { key: target, chat } = found(&request, &chat, &form).await?;
    request.take_over(chat, Content::Edit { target, body }, StatusCode::OK).await
}

/// Takes over that a message is taken back for everybody.
#[utoipa::path(
    delete, path = "/api/{session}/chats/{chatId}/messages/{id}", tag = "messages", params(PathSession, PathChat, PathMessage, Wait),
    responses(
        (status = 200, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn revoke(
    PathChat(chat): PathChat,
    PathMessage(form): PathMessage,
    request: HandingIn,
) -> Answer<Response> {
    let Target { key: target, chat } = found(&request, &chat, &form).await?;
    request.take_over(chat, Content::Revoke { target }, StatusCode::OK).await
}

async fn found(request: &HandingIn, chat: &ChatId, form: &str) -> Answer<Target> {
    let target = request.find("messageId", form).await?;
    if is_in(&target, chat) {
        Ok(target)
    } else {
        Err(Problem::wrong_field("chatId", "the message is of another chat"))
    }
}
