//! `POST /api/sendPoll?wait=`

use axum::response::Response;
use serde::Deserialize;

use super::handing_in::HandingIn;
use crate::{
    api::problem::Answer,
    model::{Content, content::Poll},
};

#[derive(Deserialize)]
struct SendPoll {
    poll: Given,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    name: String,
    options: Vec<String>,
    multiple_answers: Option<bool>,
}

/// Takes a poll over.
pub(super) async fn send_poll(request: HandingIn) -> Answer<Response> {
    let SendPoll { poll: Given { name, options, multiple_answers } } = request.body.read()?;
    let reply_to = request.reply_to().await?;
    let multiple_answers = multiple_answers.unwrap_or(false);
    request.create(Content::Poll(Poll { name, options, multiple_answers, reply_to })).await
}
