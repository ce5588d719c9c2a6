//! `PUT /api/sessions/{session}/login`

use std::{io, sync::Arc, time::Duration};

use axum::{Json, body::Body as HttpBody, extract::State};
use futures::StreamExt;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::Principal,
        input::PathSession,
        problem::{Answer, Problem},
        state::{Facts, Parts},
        wire::{self, SessionInfo},
    },
    backup::{self, BackupError, PipeWriter, pipe},
};

/// How long nothing may come of the body.
const STALL: Duration = Duration::from_secs(30);

/// A login, as `drover import` packs it.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "described here, read as it comes")]
pub(super) struct PackedLogin(Vec<u8>);

/// Takes a login in, as `drover import` packs it, for a session that has none and rests. It starts with it the next time.
#[utoipa::path(
    put, path = "/api/sessions/{session}/login", tag = "sessions", params(PathSession),
    request_body(content = PackedLogin, content_type = "application/x-tar"),
    responses((status = 200, description = "It has the login", body = SessionInfo)),
)]
pub(super) async fn take_in(
    State(parts): State<Parts>,
    State(facts): State<Arc<Facts>>,
    principal: Principal,
    PathSession(name): PathSession,
    body: HttpBody,
) -> Answer<Json<SessionInfo>> {
    principal.require_admin()?;
    let registry = &parts.rooms.registry;
    registry.view(&name)?;
    let data_dir = &facts.server.backup.data_dir;
    let scratch = tempfile::Builder::new().prefix(".incoming-").tempdir_in(data_dir);
    let scratch = scratch.map_err(|error| Problem::internal(error.to_string()))?;
    let (writer, reader) = pipe();
    let profile = scratch.path().join("profile");
    let target = profile.clone();
    let receiving = tokio::task::spawn_blocking(move || backup::receive_login(reader, &target));
    pass_on(body, writer).await;
    let received = receiving.await.map_err(|error| Problem::internal(error.to_string()))?;
    received.map_err(|error| match error {
        // Where it was put is nobody's business.
        BackupError::NoLogin { why, .. } => BackupError::Damaged(why),
        other => other,
    })?;
    registry.adopt_login(&name, &profile).await?;
    let details = registry.details(&name).await?;
    Ok(Json(wire::session(&details.view, &details.config, &facts)))
}

/// Passes the body on as it comes; what breaks it off is seen at the other end.
async fn pass_on(body: HttpBody, writer: PipeWriter) {
    let mut chunks = body.into_data_stream();
    loop {
        match timeout(STALL, chunks.next()).await {
            Ok(Some(Ok(chunk))) => {
                // Whoever does not take it any more says why.
                if !writer.pass(chunk.to_vec()).await {
                    return;
                }
            }
            Ok(None) => return,
            Ok(Some(Err(error))) => return writer.fail(io::Error::other(error)).await,
            Err(_) => return writer.fail(io::ErrorKind::TimedOut.into()).await,
        }
    }
}
