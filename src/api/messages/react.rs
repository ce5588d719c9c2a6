//! `PUT /api/reaction`

use axum::{http::StatusCode, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    handing_in::{HandingIn, Target},
    options::Acting,
};
use crate::{
    api::{
        openapi::{Conflict, Wait},
        problem::Answer,
        wire::WAMessage,
    },
    model::Content,
};

/// A reaction.
#[derive(Deserialize, ToSchema)]
pub(super) struct Reaction {
    #[schema(example = "👍")]
    reaction: String,
}

/// What is read of a request.
type Request = Acting<Reaction>;

/// Takes a reaction over; an empty one takes the one before back.
#[utoipa::path(
    put, path = "/api/reaction", tag = "messages", params(Wait),
    request_body = inline(Request),
    responses(
        (status = 200, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn react(request: HandingIn) -> Answer<Response> {
    let Reaction { reaction: emoji } = request.body.read()?;
    let Target { key: target, chat } = request.target().await?;
    request.take_over(chat, Content::Reaction { target, emoji }, StatusCode::OK).await
}
