//! A page's websocket: frames in, frames out, until either side ends it.
//!
//! The task is owned by the HTTP connection; it registers the page with the world and takes it out again, however it ends.
//! A frame that cannot be read is logged and counted, and has no other effect.

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::frame::PageFrame;
use crate::simulator::Simulator;
use crate::world::pages::{OUTBOX_FRAMES, Outgoing, PageId};

/// A page sends no frame above this; media go another way.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// `GET /ws/chat`
pub(crate) async fn upgrade(State(simulator): State<Simulator>, upgrade: WebSocketUpgrade) -> Response {
    if simulator.with(|world| world.faults.refuses(None)) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let upgrade = upgrade.max_message_size(MAX_FRAME_BYTES).max_frame_size(MAX_FRAME_BYTES);
    // Small buffers: hundreds of sockets are held at a time.
    let upgrade = upgrade.read_buffer_size(4096).write_buffer_size(0);
    // The upgrade is a task of axum's: the token makes the simulator's end wait for it.
    let tracked = simulator.tracked();
    upgrade.on_upgrade(move |socket| async move {
        serve(simulator, socket).await;
        drop(tracked);
    })
}

async fn serve(simulator: Simulator, mut socket: WebSocket) {
    let (outbox, mut waiting) = mpsc::channel(OUTBOX_FRAMES);
    let cut = CancellationToken::new();
    let page = simulator.with(|world| world.pages.open(outbox, cut.clone()));
    let _registered = Registered { simulator: &simulator, page };
    tokio::select! {
        () = converse(&simulator, page, &mut socket, &mut waiting) => {}
        () = cut.cancelled() => debug!(page, "connection cut"),
        () = simulator.ending().cancelled() => {}
    }
}

/// Takes the page out of the world however its task ends.
struct Registered<'a> {
    simulator: &'a Simulator,
    page: PageId,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.simulator.with(|world| world.page_closed(self.page));
    }
}

async fn converse(simulator: &Simulator, page: PageId, socket: &mut WebSocket, waiting: &mut mpsc::Receiver<Outgoing>) {
    loop {
        tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => {
                    for reply in act_on(simulator, page, text.as_str()) {
                        if socket.send(Message::Text(reply.into())).await.is_err() {
                            return;
                        }
                    }
                }
                Some(Ok(Message::Binary(_))) => not_understood(simulator, page, "it is binary"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return,
                Some(Err(error)) => {
                    debug!(page, %error, "a websocket ended");
                    return;
                }
            },
            outgoing = waiting.recv() => match outgoing {
                Some(Outgoing::Frame(text)) => {
                    if socket.send(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                Some(Outgoing::Close) | None => {
                    // The peer may be gone already; then there is nobody to say good-bye to.
                    let _ = socket.send(Message::Close(None)).await;
                    return;
                }
            },
        }
    }
}

fn act_on(simulator: &Simulator, page: PageId, text: &str) -> Vec<String> {
    match serde_json::from_str::<PageFrame>(text) {
        Ok(frame) => simulator.with(|world| world.receive(page, frame)),
        Err(error) => {
            not_understood(simulator, page, &error.to_string());
            Vec::new()
        }
    }
}

fn not_understood(simulator: &Simulator, page: PageId, why: &str) {
    warn!(page, why, "a frame that is not understood");
    simulator.with(|world| world.counts.malformed += 1);
}
