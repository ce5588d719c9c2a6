//! The stream: one server-sent event each (WHATWG HTML, section 9.2), with its number as id.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures::stream;

use super::{feed::Feed, filter::Filter, teller::Teller};
use crate::{
    api::{problem::Answer, state::Parts},
    model::Event,
};

/// Proxies that buffer answers (nginx) are told not to.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// After how long a client that lost the stream comes back.
const RETRY: Duration = Duration::from_secs(2);

/// What happens from now on, or after `last_id`.
pub(super) async fn stream(parts: Parts, filter: Filter, last_id: Option<i64>) -> Answer<Response> {
    let ping = parts.stream_ping();
    let feed = Feed::after(&parts, filter, last_id).await?;
    let hello = sse::Event::default().retry(RETRY).comment("drover");
    let teller = Teller::new(&parts);
    let events = stream::unfold((feed, teller, Some(hello)), async |(mut feed, teller, hello)| {
        let shown = match hello {
            Some(hello) => hello,
            None => show(&*feed.next().await?, &teller),
        };
        Some((Ok::<_, Infallible>(shown), (feed, teller, None)))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(ping)).into_response();
    response.headers_mut().insert(NO_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

fn show(event: &Event, teller: &Teller) -> sse::Event {
    let body = teller.text(event);
    sse::Event::default().id(event.seq.to_string()).event(event.event.kind.as_str()).data(body)
}
