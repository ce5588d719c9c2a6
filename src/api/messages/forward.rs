//! `POST /api/forwardMessage?wait=`

use axum::response::Response;

use super::handing_in::HandingIn;
use crate::{api::problem::Answer, model::Content};

/// Takes over that a message goes to another chat as it stands then.
pub(super) async fn forward(request: HandingIn) -> Answer<Response> {
    request.chat()?;
    let target = request.target().await?.key;
    request.create(Content::Forward { target }).await
}
