//! `POST /api/sendSeen`

use axum::response::Response;

use super::handing_in::HandingIn;
use crate::{api::problem::Answer, model::Content};

/// Takes over that the chat's messages were read.
pub(super) async fn send_seen(request: HandingIn) -> Answer<Response> {
    request.create(Content::Seen).await
}
