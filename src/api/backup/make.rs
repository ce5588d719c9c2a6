//! `POST /api/backup`

use std::io;

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::stream;
use tokio::{runtime::Handle, task::JoinError};

use crate::{
    api::{
        auth::Principal,
        problem::{Answer, Problem},
        state::Parts,
    },
    backup::{BackupError, Collected, Collection, pipe},
    model::{Reason, SessionState, SessionView},
    session::{Logins, Registry},
};

/// Everything that a restore needs, as a tar whose last entry is its manifest. Each session that runs is put to sleep, copied and
/// woken, one after the other; its messages wait meanwhile.
#[utoipa::path(
    post, path = "/api/backup", tag = "sessions",
    responses((status = 200, description = "The archive", body = Vec<u8>, content_type = "application/x-tar")),
)]
pub(super) async fn make(State(parts): State<Parts>, principal: Principal) -> Answer<Response> {
    principal.require_admin()?;
    // On a thread of its own, since it copies files; and in a task of its own, since a client that goes away must not leave a
    // session asleep.
    let (runtime, gathered) = (Handle::current(), parts.clone());
    let gathering = move || runtime.block_on(gather(gathered));
    let gathering = parts.shutdown.spawn(async move { tokio::task::spawn_blocking(gathering).await });
    let failed = |error: JoinError| Problem::internal(error.to_string());
    let collected = gathering.await.map_err(failed)?.map_err(failed)??;
    let (mut writer, reader) = pipe();
    let writing = move || {
        if let Err(error) = collected.write(&mut writer) {
            // The client sees that it broke off; why is for the log.
            tracing::warn!(%error, "a backup broke off");
            writer.fail_blocking(io::Error::other(error.to_string()));
        }
    };
    parts.shutdown.spawn(async move { tokio::task::spawn_blocking(writing).await });
    let chunks = stream::unfold(reader, async |mut reader| Some((reader.next().await?, reader)));
    Ok(([(header::CONTENT_TYPE, "application/x-tar")], Body::from_stream(chunks)).into_response())
}

async fn gather(parts: Parts) -> Result<Collected, BackupError> {
    let registry = &parts.rooms.registry;
    let places = parts.facts.server.backup.clone();
    let logins = Logins::new(&places.data_dir);
    let mut collection = Collection::begin(places)?;
    for view in registry.views() {
        // One that was never linked has no login.
        if view.me.is_some() {
            add(registry, &logins, &mut collection, &view).await;
        }
    }
    let collected = collection.finish(parts.rooms.clock.now_ms()).await?;
    tracing::info!("a backup was gathered");
    Ok(collected)
}

/// Copies one login. What keeps it from being copied is noted, and the others are copied all the same.
async fn add(registry: &Registry, logins: &Logins, collection: &mut Collection, before: &SessionView) {
    let name = &before.name;
    match registry.hold_asleep(name, Reason::new("backup", "its login is being copied")).await {
        Ok(_held) => {
            if let Err(error) = collection.add_login(name, &logins.profile(name)) {
                collection.lacks(name, error.to_string());
            }
        }
        Err(error) => collection.lacks(name, error.to_string()),
    }
    wake(registry, before).await;
}

/// Wakes a session that this backup has put to sleep.
async fn wake(registry: &Registry, before: &SessionView) {
    let name = &before.name;
    let sleeps = registry.view(name).is_ok_and(|view| view.state == SessionState::Hibernated);
    if before.state == SessionState::Hibernated || !sleeps {
        return;
    }
    if let Err(error) = registry.wake(name).await {
        tracing::warn!(session.id = %name, %error, "a session was not woken after its login was copied; a message wakes it");
    }
}
