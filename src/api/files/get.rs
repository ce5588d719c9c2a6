//! `GET /api/files/{session}/{file}`

use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};

use super::serve;
use crate::api::problem::Body as ProblemBody;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{PathFile, PathSession},
        problem::{Answer, Problem},
    },
    media::FileStore,
};

/// A file that was received or uploaded, whole or in part.
#[utoipa::path(
    get, path = "/api/files/{session}/{file}", tag = "files", params(PathSession, PathFile),
    responses(
        (status = 200, description = "The file, with its own type", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "The part that `Range` asked for", body = Vec<u8>, content_type = "*/*"),
        (status = 304, description = "It is as the caller has it"),
        (status = 412, description = "It is not the one that was asked for", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "It is shorter than that", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(files): State<FileStore>,
    principal: Principal,
    PathSession(session): PathSession,
    PathFile(name): PathFile,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    principal.require(Action::Read, &session)?;
    let name = name.parse().map_err(|_| unknown())?;
    let file = files.find(&session, &name).await?.ok_or_else(unknown)?;
    serve::serve(&file, &method, &headers).await?.ok_or_else(unknown)
}

fn unknown() -> Problem {
    let message = "there is no such file; it may have been removed by its age (retention.media_days, media_bytes)";
    Problem::new(StatusCode::NOT_FOUND, "unknown_file", message)
}
