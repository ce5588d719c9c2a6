//! `GET /api/screenshot?session=`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::picture;
use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::Answer,
    },
    model::SessionName,
    session::Registry,
};

/// The page as it looks now. It may show chats, or a QR: whoever sees it could link, so it takes `control`.
pub(super) async fn screenshot(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
    headers: HeaderMap,
) -> Answer<Response> {
    let name: SessionName = params.required("session")?;
    principal.require(Action::Control, &name)?;
    Ok(picture::png(registry.screenshot(&name).await?, &headers))
}
