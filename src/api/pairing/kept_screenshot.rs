//! `GET /api/sessions/{session}/screenshots/{file}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::picture;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{PathFile, PathSession},
        problem::{Answer, Problem},
    },
    session::Registry,
};

/// A picture that was kept when the session failed. No code on it can be scanned any more, so it takes `read`.
#[utoipa::path(
    get, path = "/api/sessions/{session}/screenshots/{file}", tag = "linking", params(PathSession, PathFile),
    responses((
        status = 200, description = "The picture",
        content((Vec<u8> = "image/png"), (picture::Picture = "application/json")),
    )),
)]
pub(super) async fn kept_screenshot(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathFile(file): PathFile,
    headers: HeaderMap,
) -> Answer<Response> {
    principal.require(Action::Read, &name)?;
    let png = registry.kept_screenshot(&name, &file).await?.ok_or_else(|| Problem::unknown_screenshot(&file))?;
    Ok(picture::png(png, &headers))
}
