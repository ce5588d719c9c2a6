//! `GET /ws?session=&events=&x-api-key=`: the events over a websocket (RFC 6455), as in WAHA one a text frame.
//!
//! A frame's `id` is where to go on: `?lastEventId=evt_...` gives what came after it, as `Last-Event-ID` does. The server pings;
//! whoever does not answer, or does not read, is hung up on and may come back. Nothing waits in memory for a slow client: it is
//! given events as it takes them, from the store where it fell behind.

use std::time::Duration;

use axum::{
    extract::{
        FromRequestParts, Request, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::{Instrument, Span, debug};

use super::{feed::Feed, filter, filter::Filter, teller::Teller};
use crate::{
    api::{
        auth,
        input::Params,
        openapi::{EventFilter, LastEventId},
        problem::{Answer, Body as ProblemBody, Problem},
        state::Parts,
    },
    shutdown::Shutdown,
};

/// Clients have nothing to say but pongs.
const LONGEST_FRAME_BYTES: usize = 4 * 1024;

/// What happens, over a websocket (RFC 6455): one event a text frame, from now on or after `lastEventId`.
#[utoipa::path(
    get, path = "/ws", tag = "events",
    params(EventFilter, LastEventId, ("x-api-key" = Option<String>, Query, description = "The key, for who cannot set headers")),
    responses(
        (status = 101, description = "A websocket, on which each frame is an event"),
        (status = 426, description = "The request is none for a websocket", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn open(State(parts): State<Parts>, request: Request) -> Answer<Response> {
    let (mut head, _) = request.into_parts();
    let params = Params::from_request_parts(&mut head, &parts).await?;
    let principal = auth::known_by_socket(&parts, &head, params.text("x-api-key")).await?;
    let filter = Filter::of(&parts.rooms.registry, &principal, &params)?;
    let last_id = filter::last_id(&head.headers, &params)?;
    let upgrade =
        WebSocketUpgrade::from_request_parts(&mut head, &parts).await.map_err(|refused| no_socket(&refused))?;
    let feed = Feed::after(&parts, filter, last_id).await?;
    // The upgrade runs in a task of axum's; what it does is one that the shutdown waits for.
    let (teller, shutdown, span) = (Teller::new(&parts), parts.shutdown.clone(), Span::current());
    let ping = parts.stream_ping();
    let serve = move |socket| async move {
        let client = Client { socket, teller, shutdown: shutdown.clone(), ping };
        // A panic in it was reported where it happened.
        let _ = shutdown.spawn(client.serve(feed).instrument(span)).await;
    };
    Ok(upgrade.max_message_size(LONGEST_FRAME_BYTES).on_upgrade(serve).into_response())
}

fn no_socket(refused: &impl std::fmt::Display) -> Problem {
    let message = format!("this path speaks websocket (ws:// or wss://), and the request does not: {refused}");
    Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message)
}

/// A client that is connected.
struct Client {
    socket: WebSocket,
    teller: Teller,
    shutdown: Shutdown,
    /// Between two pings.
    ping: Duration,
}

/// Why it is hung up on.
enum End {
    /// By the client itself, or the connection broke.
    Theirs,
    /// With a code and a reason.
    Ours(u16, &'static str),
}

impl Client {
    async fn serve(mut self, mut feed: Feed) {
        let shutdown = self.shutdown.clone();
        let end = tokio::select! {
            end = self.pass_on(&mut feed) => end,
            // Whoever does not take what is sent must not hold up the end.
            () = shutdown.hurried() => End::Theirs,
        };
        let End::Ours(code, reason) = end else { return };
        debug!(code, reason, "a websocket is closed");
        let frame = CloseFrame { code, reason: reason.into() };
        // Whoever does not take it is gone anyway.
        let _ = timeout(Duration::from_secs(1), self.socket.send(Message::Close(Some(frame)))).await;
    }

    async fn pass_on(&mut self, feed: &mut Feed) -> End {
        let mut pings = interval_at(Instant::now() + self.ping, self.ping);
        // How long a frame may take until the client has taken it, and how long a client may say nothing: two pings and a bit.
        let patience = self.ping * 7 / 3;
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Instant::now();
        loop {
            let frame = tokio::select! {
                event = feed.next() => match event {
                    Some(event) => Message::Text((*self.teller.text(&event)).into()),
                    None => return End::Ours(close_code::AWAY, "drover ends, or cannot read the past: come back with lastEventId"),
                },
                heard = self.socket.recv() => match heard {
                    // A ping is answered by the protocol's own code; what a client says beside it means nothing here.
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Theirs,
                    Some(Ok(_)) => {
                        heard_at = Instant::now();
                        continue;
                    }
                },
                _ = pings.tick() => {
                    if heard_at.elapsed() > patience {
                        return End::Ours(close_code::POLICY, "no answer to pings");
                    }
                    Message::Ping(Vec::new().into())
                }
            };
            match timeout(patience, self.socket.send(frame)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return End::Theirs,
                Err(_) => return End::Ours(close_code::POLICY, "events are not taken"),
            }
        }
    }
}
