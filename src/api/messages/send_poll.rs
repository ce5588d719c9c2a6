//! `POST /api/sendPoll?wait=`

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{handing_in::HandingIn, options::Sending};
use crate::{
    api::{
        openapi::{Conflict, Wait},
        problem::Answer,
        wire::WAMessage,
    },
    model::{Content, content::Poll},
};

/// A poll.
#[derive(Deserialize, ToSchema)]
pub(super) struct SendPoll {
    poll: Given,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Poll, example = json!({ "name": "When?", "options": ["Monday", "Tuesday"], "multipleAnswers": false }))]
struct Given {
    name: String,
    options: Vec<String>,
    multiple_answers: Option<bool>,
}

/// What is read of a request.
type Request = Sending<SendPoll>;

/// Takes a poll over.
#[utoipa::path(
    post, path = "/api/sendPoll", tag = "messages", params(Wait),
    request_body = inline(Request),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn send_poll(request: HandingIn) -> Answer<Response> {
    let SendPoll { poll: Given { name, options, multiple_answers } } = request.body.read()?;
    let reply_to = request.reply_to().await?;
    let multiple_answers = multiple_answers.unwrap_or(false);
    request.create(Content::Poll(Poll { name, options, multiple_answers, reply_to })).await
}
