//! `GET /api/files/{session}/{file}`

use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};

use super::serve;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{PathFile, PathSession},
        problem::{Answer, Problem},
    },
    media::FileStore,
};

/// A file that was received or uploaded, whole or in part.
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
