//! `POST /api/forwardMessage?wait=`

use axum::response::Response;

use super::{
    handing_in::{HandingIn, OfMessage},
    options::Sending,
};
use crate::{
    api::{
        openapi::{Conflict, Wait},
        problem::Answer,
        wire::WAMessage,
    },
    model::Content,
};

/// What is read of a request.
type Request = Sending<OfMessage>;

/// Takes over that a message goes to another chat as it stands then.
#[utoipa::path(
    post, path = "/api/forwardMessage", tag = "messages", params(Wait),
    request_body = inline(Request),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn forward(request: HandingIn) -> Answer<Response> {
    request.chat()?;
    let target = request.target().await?.key;
    request.create(Content::Forward { target }).await
}
