//! `PUT /api/reaction`

use axum::{http::StatusCode, response::Response};
use serde::Deserialize;

use super::handing_in::{HandingIn, Target};
use crate::{api::problem::Answer, model::Content};

#[derive(Deserialize)]
struct Reaction {
    reaction: String,
}

/// Takes a reaction over; an empty one takes the one before back.
pub(super) async fn react(request: HandingIn) -> Answer<Response> {
    let Reaction { reaction: emoji } = request.body.read()?;
    let Target { key: target, chat } = request.target().await?;
    request.take_over(chat, Content::Reaction { target, emoji }, StatusCode::OK).await
}
