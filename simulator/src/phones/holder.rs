//! The page with a phone to hold, and the stream that tells it when to look again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse as _, Response};
use futures::Stream;
use futures::stream::unfold;

use crate::simulator::Simulator;

/// Changes within this time are told once.
const GATHER: Duration = Duration::from_millis(150);

const PAGE: &str = include_str!("../../phone/index.html");
const PARTS: &[(&str, &str, &str)] = &[
    ("phone.css", "text/css; charset=utf-8", include_str!("../../phone/phone.css")),
    ("main.js", "text/javascript; charset=utf-8", include_str!("../../phone/main.js")),
    ("api.js", "text/javascript; charset=utf-8", include_str!("../../phone/api.js")),
    ("phone.js", "text/javascript; charset=utf-8", include_str!("../../phone/phone.js")),
    ("chat.js", "text/javascript; charset=utf-8", include_str!("../../phone/chat.js")),
    ("dom.js", "text/javascript; charset=utf-8", include_str!("../../phone/dom.js")),
];

/// `GET /`
pub(crate) async fn page() -> Html<&'static str> {
    Html(PAGE)
}

/// `GET /phone/{name}`
pub(crate) async fn part(Path(name): Path<String>) -> Response {
    match PARTS.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, text)) => {
            ([(CONTENT_TYPE, *media_type), (CACHE_CONTROL, "no-cache")], *text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /phones/events`: the number of changes so far, at once and after each change.
pub(crate) async fn events(State(simulator): State<Simulator>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ending = simulator.ending().clone();
    let mut versions = simulator.versions();
    versions.mark_changed();
    let changes = unfold(versions, |mut versions| async move {
        versions.changed().await.ok()?;
        tokio::time::sleep(GATHER).await;
        let version = *versions.borrow_and_update();
        Some((Ok(Event::default().data(version.to_string())), versions))
    });
    let until_end = futures::StreamExt::take_until(changes, ending.cancelled_owned());
    Sse::new(until_end).keep_alive(KeepAlive::default())
}
