//! `POST /api/sendText?wait=`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    options,
    settle::{Until, Watch},
    waiting,
};
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Body, Params},
        problem::Answer,
        state::Parts,
        wire::{self, SentMessage},
    },
    model::{Content, OutboundMessage},
    outbox::{Accepted, Outbox},
};

/// Whether the same request was answered before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

#[derive(Deserialize)]
struct SendText {
    text: String,
}

/// Takes a text over and answers with its final id; with `?wait=` only once it was acknowledged, given up, or time ran out.
pub(super) async fn send_text(
    State(outbox): State<Outbox>,
    State(parts): State<Parts>,
    principal: Principal,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let options::Address { session, .. } = body.read()?;
    principal.require(Action::Send, &session)?;
    let until = params.optional::<Until>("wait")?;
    let SendText { text } = body.read()?;
    let request = options::request(&body, &headers, Content::Text { body: text })?;
    // Listening begins before the message exists, so that no acknowledgement is missed.
    let watch = until.map(|until| Watch::begin(&parts, until));
    let Accepted { mut message, replayed } = outbox.accept(request, principal.key_id()).await?;
    if let Some(watch) = watch {
        message = watch.over(message).await?;
    }
    let mut response = (StatusCode::CREATED, Json(answer(&parts, &message).await)).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn answer(parts: &Parts, message: &OutboundMessage) -> serde_json::Value {
    let view = parts.rooms.registry.view(&message.session).ok();
    let waiting = match &view {
        Some(view) if !message.progress.state.is_settled() => {
            // Without Redis nobody can tell; the message waits in the database all the same.
            let stats = parts.rooms.queue.stats(&message.session).await.ok();
            waiting::reason(message, view, stats.as_ref(), parts.rooms.clock.now_ms())
        }
        _ => None,
    };
    let me = view.as_ref().and_then(|view| view.me.as_ref());
    wire::sent_message(&SentMessage { message, me, waiting: waiting.as_ref() })
}
