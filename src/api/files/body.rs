//! A body of JSON that may carry a file in base64, at `file.data`: the file goes to the disk as it comes, the rest is read as any
//! body is.

use std::{fmt::Display, sync::Arc, time::Duration};

use axum::{
    extract::{FromRef, FromRequest, Request},
    http::StatusCode,
};
use futures::{Stream, StreamExt, TryStreamExt};

use crate::{
    api::{
        body_type::BodyType,
        input::Body,
        problem::{Answer, Problem},
        state::Facts,
    },
    media::{FileError, FileStore, Incoming},
};

/// How long nothing may come of a body.
const STALL: Duration = Duration::from_secs(30);

/// A body of JSON, and the file that was in it. The routes that take it have to disable axum's own limit.
pub(in crate::api) struct MediaBody {
    /// The body without `file.data`.
    pub(in crate::api) body: Body,
    /// What `file.data` was in base64.
    pub(in crate::api) data: Option<Incoming>,
}

impl<S> FromRequest<S> for MediaBody
where
    S: Send + Sync,
    Arc<Facts>: FromRef<S>,
    FileStore: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let files = FileStore::from_ref(state);
        let rest_limit_bytes = Arc::<Facts>::from_ref(state).server.settings.body_limit_bytes;
        let data_limit_bytes = files.largest_bytes();
        // Base64 is a third longer, and its line breaks are a thirty-eighth of it.
        let limit_bytes = data_limit_bytes + data_limit_bytes / 2 + rest_limit_bytes as u64;
        let kind = BodyType::of(request.headers());
        let mut incoming = files.begin(limit_bytes).await?;
        let mut first = None;
        let chunks = request.into_body().into_data_stream().inspect_ok(|chunk| {
            first = first.or_else(|| chunk.iter().copied().find(|byte| !byte.is_ascii_whitespace()));
        });
        let appended = append_all(&mut incoming, chunks).await;
        kind.require_json(first)?;
        if incoming.is_full() {
            return Err(FileError::TooLarge { limit_bytes: data_limit_bytes }.into());
        }
        appended?;
        let (rest, data) = incoming.split_json(rest_limit_bytes, data_limit_bytes).await?;
        Ok(Self { body: Body::of_bytes(rest), data })
    }
}

/// Adds all that comes.
pub(super) async fn append_all<B, E>(
    incoming: &mut Incoming,
    mut parts: impl Stream<Item = Result<B, E>> + Unpin,
) -> Answer<()>
where
    B: AsRef<[u8]>,
    E: Display,
{
    loop {
        let part = tokio::time::timeout(STALL, parts.next()).await;
        let part =
            part.map_err(|_| Problem::of_status(StatusCode::REQUEST_TIMEOUT).caused_by("the body stood still"))?;
        let Some(part) = part else { return Ok(()) };
        let part = part.map_err(|error| Problem::of_status(StatusCode::BAD_REQUEST).caused_by(error))?;
        incoming.append(part.as_ref()).await?;
    }
}
