//! `GET /dashboard/events?view=`: what changes on a page, as server-sent events. The page's parts are drawn again when something
//! happened, and every few seconds for what happens without an event; only what came out differently is sent.
//!
//! Messages are JSON: `{"id", "html"}` replaces an element, `{"list", "html", "after"}` puts one into a list behind another (`""`: at
//! its head), `{"gone"}` takes one away, `{"list", "all"}` replaces a list's children. The event `signed-out` ends it all.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use minijinja::{Value, context};
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast},
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::{
    Desk, forgery,
    outcome::Refusal,
    page::{Drawn, Part, View},
    visitor::Visitor,
};
use crate::{
    api::{
        input::Params,
        problem::{Answer, Problem},
    },
    model,
};

/// How often a page is looked at when nothing is told.
const TICK: Duration = Duration::from_secs(2);
/// How soon it is looked at again at most, however much happens.
const PAUSE: Duration = Duration::from_millis(250);
/// After how long a browser that lost the stream comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Proxies that buffer answers (nginx) are told not to.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Keeps a page fresh for as long as it is open and its visitor signed in.
pub(super) async fn events(
    State(desk): State<Desk>,
    visitor: Result<Visitor, Refusal>,
    params: Params,
) -> Result<Response, Refusal> {
    let ping = desk.parts.stream_ping();
    let visitor = match visitor {
        Ok(visitor) => visitor,
        Err(Refusal::Problem(problem)) => return Err(problem.into()),
        // Not a redirect, which an `EventSource` would follow to a page that it cannot read.
        Err(_) => return Ok(answer(stream::iter([Ok(signed_out())]), ping)),
    };
    let view = View::of_query(&params)?;
    let permit = desk.inner.streams.clone().try_acquire_owned().map_err(|_| crowded())?;
    let follower = Follower {
        csrf: forgery::token(&visitor.signed_in.forms),
        heard: desk.parts.rooms.events.subscribe(),
        desk,
        visitor,
        view,
        known: Known::default(),
        looked_at: None,
        _permit: permit,
    };
    let events = stream::unfold(Some(follower), async |follower| {
        let mut follower = follower?;
        match follower.next().await {
            Some(Change::Parts(data)) => Some((Ok(Event::default().data(data)), Some(follower))),
            Some(Change::SignedOut) => Some((Ok(signed_out()), None)),
            None => None,
        }
    });
    Ok(answer(events, ping))
}

fn answer(events: impl futures::Stream<Item = Result<Event, Infallible>> + Send + 'static, ping: Duration) -> Response {
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(ping)).into_response();
    response.headers_mut().insert(NO_BUFFERING, HeaderValue::from_static("no"));
    response
}

fn signed_out() -> Event {
    Event::default().event("signed-out").data("{}").retry(RETRY)
}

fn crowded() -> Problem {
    let text = "too many pages of the dashboard are open at once; close some";
    Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "too_many_pages", text).retry_after(TICK)
}

enum Change {
    Parts(String),
    SignedOut,
}

/// One open page.
struct Follower {
    desk: Desk,
    visitor: Visitor,
    view: View,
    csrf: String,
    heard: broadcast::Receiver<std::sync::Arc<model::Event>>,
    known: Known,
    looked_at: Option<Instant>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// What changed next; None when the server ends, or the page cannot be read: the browser comes back.
    async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(looked_at) = self.looked_at {
                self.wait(looked_at).await?;
            }
            self.looked_at = Some(Instant::now());
            match self.desk.sign_ins().find(&self.visitor.token).await {
                Ok(Some(signed_in)) => self.visitor.signed_in = signed_in,
                Ok(None) => return Some(Change::SignedOut),
                Err(error) => return failed(&error),
            }
            let changes = match self.look().await {
                Ok(changes) => changes,
                // A session that was deleted, or a key that was narrowed: the page is loaded anew and says so.
                Err(problem) if problem.status().is_client_error() => vec![json!({ "reload": true })],
                Err(problem) => return failed(&problem.for_log()),
            };
            if !changes.is_empty() {
                return Some(Change::Parts(json!(changes).to_string()));
            }
        }
    }

    /// Until something happened that may show, or it is time to look anyway.
    async fn wait(&mut self, looked_at: Instant) -> Option<()> {
        let shutdown = self.desk.parts.shutdown.clone();
        let tick = sleep_until(looked_at + TICK);
        tokio::pin!(tick);
        loop {
            tokio::select! {
                () = &mut tick => return Some(()),
                () = shutdown.begun() => return None,
                heard = self.heard.recv() => match heard {
                    Ok(event) if !self.concerns(&event) => {}
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
        sleep_until(looked_at + PAUSE).await;
        Some(())
    }

    fn concerns(&self, event: &model::Event) -> bool {
        let session = &event.event.session;
        let is_shown = match &self.view {
            View::Session(name) => name == session,
            _ => true,
        };
        is_shown && self.visitor.may(crate::api::auth::Action::Read, session)
    }

    async fn look(&mut self) -> Answer<Vec<serde_json::Value>> {
        let Drawn { values, parts } = self.view.read(&self.desk, &self.visitor).await?;
        // Without the time, so that a part that did not change is drawn the same: the script counts on by itself.
        let values = context! { csrf => self.csrf.as_str(), lang => self.visitor.language.tag(), ..values };
        let mut changes = Vec::new();
        for part in parts {
            match part {
                Part::Whole { id, template } => {
                    let html = self.draw(template, &values)?;
                    if let Some(html) = self.known.take(id, html) {
                        changes.push(json!({ "id": id, "html": html }));
                    }
                }
                Part::List { id, template, items } => {
                    let mut drawn = Vec::with_capacity(items.len());
                    for (item_id, item) in items {
                        let html = self.draw(template, &context! { item, ..values.clone() })?;
                        drawn.push((item_id, html));
                    }
                    changes.extend(self.known.take_list(id, drawn));
                }
            }
        }
        Ok(changes)
    }

    fn draw(&self, template: &str, values: &Value) -> Answer<String> {
        self.desk.templates().draw(template, values).map_err(Problem::internal)
    }
}

fn failed(cause: &dyn std::fmt::Display) -> Option<Change> {
    warn!(%cause, "a page of the dashboard is not kept fresh, since it cannot be read");
    None
}

/// What the browser was told last.
#[derive(Default)]
struct Known {
    wholes: HashMap<&'static str, String>,
    lists: HashMap<&'static str, Vec<(String, String)>>,
}

impl Known {
    /// The new one, if it is new.
    fn take(&mut self, id: &'static str, html: String) -> Option<String> {
        if self.wholes.get(id) == Some(&html) {
            return None;
        }
        self.wholes.insert(id, html.clone());
        Some(html)
    }

    /// What leads from the list that was told last to this one.
    fn take_list(&mut self, list: &'static str, new: Vec<(String, String)>) -> Vec<serde_json::Value> {
        let old = self.lists.insert(list, new.clone());
        let Some(old) = old else {
            let all: String = new.iter().map(|(_, html)| html.as_str()).collect();
            return vec![json!({ "list": list, "all": all })];
        };
        let old_html: HashMap<&str, &str> = old.iter().map(|(id, html)| (id.as_str(), html.as_str())).collect();
        let new_ids: HashSet<&str> = new.iter().map(|(id, _)| id.as_str()).collect();
        let kept: Vec<&str> = new.iter().map(|(id, _)| id.as_str()).filter(|id| old_html.contains_key(id)).collect();
        let stayed: Vec<&str> = old.iter().map(|(id, _)| id.as_str()).filter(|id| new_ids.contains(id)).collect();
        if stayed != kept {
            let all: String = new.iter().map(|(_, html)| html.as_str()).collect();
            return vec![json!({ "list": list, "all": all })];
        }
        let gone = old.iter().filter(|(id, _)| !new_ids.contains(id.as_str())).map(|(id, _)| json!({ "gone": id }));
        let mut changes: Vec<_> = gone.collect();
        let mut after = "";
        for (id, html) in &new {
            match old_html.get(id.as_str()) {
                Some(old) if *old == html => {}
                Some(_) => changes.push(json!({ "id": id, "html": html })),
                None => changes.push(json!({ "list": list, "after": after, "html": html })),
            }
            after = id;
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[(&str, &str)]) -> Vec<(String, String)> {
        items.iter().map(|(id, html)| ((*id).to_owned(), (*html).to_owned())).collect()
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut known = Known::default();
        assert_eq!(known.take("counts", "1".to_owned()).as_deref(), Some("1"));
        assert_eq!(known.take("counts", "1".to_owned()), None);
        assert_eq!(known.take("counts", "2".to_owned()).as_deref(), Some("2"));
    }

    #[test]
    fn a_list_is_told_by_its_steps() {
        let mut known = Known::default();
        let first = known.take_list("rows", list(&[("a", "A"), ("b", "B")]));
        assert_eq!(first, [json!({ "list": "rows", "all": "AB" })]);
        assert!(known.take_list("rows", list(&[("a", "A"), ("b", "B")])).is_empty());
        let steps = known.take_list("rows", list(&[("c", "C"), ("a", "A2"), ("d", "D")]));
        let expected = [
            json!({ "gone": "b" }),
            json!({ "list": "rows", "after": "", "html": "C" }),
            json!({ "id": "a", "html": "A2" }),
            json!({ "list": "rows", "after": "a", "html": "D" }),
        ];
        assert_eq!(steps, expected);
        let turned = known.take_list("rows", list(&[("d", "D"), ("a", "A2"), ("c", "C")]));
        assert_eq!(turned, [json!({ "list": "rows", "all": "DA2C" })], "another order is told as a whole");
        let emptied = known.take_list("rows", Vec::new());
        assert_eq!(emptied.len(), 3);
    }
}
