//! What happens, newest first, as it happens.

use std::fmt::Write as _;

use minijinja::{Value, context};

use super::{
    Desk,
    page::{Drawn, Part},
    render::shown,
    visible,
    visitor::Visitor,
};
use crate::{
    api::{auth::Action, input::Params, problem::Answer},
    model::{Event, EventKind, SessionName},
};

/// How many events are shown.
const EVENTS: u32 = 100;

/// Which events are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Query {
    session: Option<SessionName>,
    group: Option<Group>,
}

/// Kinds of events by what they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Sessions,
    Messages,
    Queue,
    Alerts,
}

impl Group {
    const ALL: [Self; 4] = [Self::Sessions, Self::Messages, Self::Queue, Self::Alerts];

    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Messages => "messages",
            Self::Queue => "queue",
            Self::Alerts => "alerts",
        }
    }

    /// Each kind is in one of them: its name tells which.
    fn of(kind: EventKind) -> Self {
        match kind.as_str().split('.').next() {
            Some("alert") => Self::Alerts,
            Some("queue") => Self::Queue,
            Some("message" | "poll" | "call" | "presence") => Self::Messages,
            _ => Self::Sessions,
        }
    }

    fn kinds(self) -> Vec<EventKind> {
        EventKind::ALL.iter().copied().filter(|kind| Self::of(*kind) == self).collect()
    }
}

impl std::str::FromStr for Group {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|group| group.name() == text).ok_or("there is no such group of events")
    }
}

impl Query {
    pub(super) fn of(params: &Params) -> Answer<Self> {
        Ok(Self { session: params.optional("session")?, group: params.optional("group")? })
    }

    /// As the rest of a query.
    pub(super) fn as_query(&self) -> String {
        let mut query = String::new();
        // A String takes whatever is written.
        if let Some(session) = &self.session {
            let _ = write!(query, "&session={session}");
        }
        if let Some(group) = self.group {
            let _ = write!(query, "&group={}", group.name());
        }
        query
    }
}

/// What the page shows.
pub(super) async fn read(desk: &Desk, visitor: &Visitor, query: &Query) -> Answer<Drawn> {
    let only = visitor.principal().only_session();
    let session = query.session.as_ref().or(only);
    match session {
        Some(name) => visitor.principal().require(Action::Read, name)?,
        None => visitor.principal().require_on_all(Action::Read)?,
    }
    let kinds = query.group.map(Group::kinds).unwrap_or_default();
    let events = desk.parts.rooms.store.events().latest(session, &kinds, EVENTS).await?;
    let rows: Vec<(String, Value)> = events.iter().map(|event| (format!("event-{}", event.seq), row(event))).collect();
    let values = context! {
        query => context! { session => shown(&query.session), group => query.group.map(Group::name) },
        groups => Group::ALL.map(Group::name).to_vec(),
        names => visible(desk, visitor).iter().map(|view| shown(&view.name)).collect::<Vec<_>>(),
        events => rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>(),
    };
    Ok(Drawn { values, parts: vec![Part::List { id: "events", template: "activity_row.html", items: rows }] })
}

fn row(event: &Event) -> Value {
    let payload = serde_json::to_string_pretty(&event.event.payload).unwrap_or_default();
    context! {
        seq => event.seq,
        at_ms => event.at_ms,
        kind => event.event.kind.as_str(),
        group => Group::of(event.event.kind).name(),
        session => shown(&event.event.session),
        gist => gist(event),
        // Its message is in English; the catalogue has words for it in other languages.
        alert => (event.event.kind == EventKind::Alert).then(|| stem(event)),
        is_resolved => event.event.payload["isResolved"] == true,
        is_calm => event.event.payload["severity"] == "info",
        payload,
    }
}

/// An alert's code, without the id of what it is about.
fn stem(event: &Event) -> &str {
    event.event.payload["code"].as_str().and_then(|code| code.split(':').next()).unwrap_or_default()
}

/// The little of a payload that tells most of it.
fn gist(event: &Event) -> String {
    let payload = &event.event.payload;
    let text = |pointer: &str| payload.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
    let parts = match event.event.kind {
        EventKind::Message | EventKind::MessageAny => vec![text("/from"), text("/body")],
        EventKind::MessageAck => vec![text("/to"), text("/ackName")],
        EventKind::MessageFailed | EventKind::MessageDead => vec![text("/chatId"), text("/error/code")],
        EventKind::SessionStatus => vec![text("/state"), text("/reason/code")],
        // The code itself is a secret for as long as it lives.
        EventKind::Qr => Vec::new(),
        EventKind::Alert => vec![stem(event), text("/message")],
        EventKind::WebVersion => vec![text("/version")],
        _ => vec![text("/id"), text("/cause")],
    };
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ").chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_one_group() {
        let all: usize = Group::ALL.iter().map(|group| group.kinds().len()).sum();
        assert_eq!(all, EventKind::ALL.len());
        assert_eq!(Group::of(EventKind::MessageDead), Group::Messages);
        assert_eq!(Group::of(EventKind::QueueCircuit), Group::Queue);
        assert_eq!(Group::of(EventKind::Qr), Group::Sessions);
    }
}
