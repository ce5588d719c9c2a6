//! What the page says, decoded and handed on in order.
//!
//! The channel is bounded and its sender waits: a session that is slow slows this task down, and no message or
//! acknowledgement is dropped. [`PageEvent::Gone`] comes last, after all that had arrived before it.

use chromiumoxide::{cdp::js_protocol::runtime::EventBindingCalled, listeners::EventStream};
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::{
    bridge::BINDING,
    cdp::{GoneWatch, wait_gone},
};
use crate::{
    model::SessionName,
    page::{PageEvent, wire::Notice},
};

/// How many events may wait for the session.
pub(super) const CAPACITY: usize = 256;

/// Hands on until the page is gone, or nobody listens.
pub(super) async fn forward(
    session: SessionName,
    mut calls: EventStream<EventBindingCalled>,
    mut gone: GoneWatch,
    events: mpsc::Sender<PageEvent>,
) {
    let mut is_connected = true;
    while is_connected {
        tokio::select! {
            biased;
            call = calls.next() => match call {
                Some(call) => if !hand_on(&session, &call, &events).await { return },
                None => is_connected = false,
            },
            _ = wait_gone(&mut gone) => break,
        }
    }
    while let Some(Some(call)) = calls.next().now_or_never() {
        if !hand_on(&session, &call, &events).await {
            return;
        }
    }
    let reason = wait_gone(&mut gone).await;
    let _ = events.send(PageEvent::Gone { reason }).await;
}

/// False when nobody listens any more. What cannot be read is from a bridge of another version: said, and passed over.
async fn hand_on(session: &SessionName, call: &EventBindingCalled, events: &mpsc::Sender<PageEvent>) -> bool {
    if call.name != BINDING {
        return true;
    }
    match serde_json::from_str::<Notice>(&call.payload) {
        Ok(notice) => events.send(notice.into()).await.is_ok(),
        Err(error) => {
            // The payload may hold a text or a QR: only its kind is logged.
            let kind = serde_json::from_str::<serde_json::Value>(&call.payload)
                .ok()
                .and_then(|payload| payload["type"].as_str().map(str::to_owned));
            tracing::warn!(session.id = %session, kind, %error, "the bridge said something that this drover cannot read");
            true
        }
    }
}
