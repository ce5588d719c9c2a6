//! `POST /api/sendSeen`

use axum::response::Response;
use utoipa::ToSchema;

use super::{handing_in::HandingIn, options::Sending};
use crate::{
    api::{
        openapi::{Conflict, Wait},
        problem::Answer,
        wire::WAMessage,
    },
    model::Content,
};

/// Nothing but the chat.
#[derive(ToSchema)]
pub(super) struct SendSeen {}

/// What is read of a request.
type Request = Sending<SendSeen>;

/// Takes over that the chat's messages were read.
#[utoipa::path(
    post, path = "/api/sendSeen", tag = "messages", params(Wait),
    request_body = inline(Request),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn send_seen(request: HandingIn) -> Answer<Response> {
    request.create(Content::Seen).await
}
