//! `GET /api/screenshot?session=`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::picture;
use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        openapi::{NamedSession, PageDegraded, PageTimeout},
        problem::Answer,
    },
    model::SessionName,
    session::Registry,
};

/// The page as it looks now. It may show chats, or a QR: whoever sees it could link, so it takes `control`.
#[utoipa::path(
    get, path = "/api/screenshot", tag = "linking", params(NamedSession),
    responses(
        (
            status = 200, description = "The page",
            content((Vec<u8> = "image/png"), (picture::Picture = "application/json")),
        ),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
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
