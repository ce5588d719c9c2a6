//! Pictures: the QR to scan, the page as it looks now, and the pages that were kept of failures.

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{Desk, outcome::Refusal, visitor::Visitor};
use crate::{
    api::{
        auth::Action,
        input::{PathFile, PathSession},
        pairing,
        problem::Problem,
    },
    qr::Code,
};

type Shown = Result<Response, Refusal>;

/// `GET /dashboard/sessions/{session}/qr.svg`: the code that can still be scanned; one that has expired is never shown.
pub(super) async fn qr(State(desk): State<Desk>, visitor: Visitor, PathSession(name): PathSession) -> Shown {
    const SEQ: HeaderName = HeaderName::from_static("x-qr-seq");
    visitor.principal().require(Action::Control, &name)?;
    let code = pairing::current_qr(&desk.parts.rooms.registry, &*desk.parts.rooms.clock, &name).await?;
    let svg = Code::of(&code.value).map_err(Problem::internal)?.svg();
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")), (SEQ, HeaderValue::from(code.seq))];
    Ok((headers, svg).into_response())
}

/// `GET /dashboard/sessions/{session}/screenshot.png`
pub(super) async fn screenshot(State(desk): State<Desk>, visitor: Visitor, PathSession(name): PathSession) -> Shown {
    visitor.principal().require(Action::Control, &name)?;
    let png = desk.parts.rooms.registry.screenshot(&name).await.map_err(Problem::from)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// `GET /dashboard/sessions/{session}/screenshots/{file}`
pub(super) async fn kept_screenshot(
    State(desk): State<Desk>,
    visitor: Visitor,
    PathSession(name): PathSession,
    PathFile(file): PathFile,
) -> Shown {
    visitor.principal().require(Action::Read, &name)?;
    let png = desk.parts.rooms.registry.kept_screenshot(&name, &file).await.map_err(Problem::from)?;
    let png = png.ok_or_else(|| Problem::unknown_screenshot(&file))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}
