//! Which events somebody wants, and may, hear.

use axum::http::HeaderMap;

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::{Answer, Problem},
    },
    model::{Event, EventKind, SessionName},
    session::Registry,
};

/// WAHA's events that never happen here: a client may ask for them.
const NEVER: &[&str] = &[
    "chat.archive",
    "engine.event",
    "event.response",
    "event.response.failed",
    "group.join",
    "group.leave",
    "group.v2.join",
    "group.v2.leave",
    "group.v2.participants",
    "group.v2.update",
    "label.chat.added",
    "label.chat.deleted",
    "label.deleted",
    "label.upsert",
    "message.ack.group",
    "message.waiting",
    "poll.vote.failed",
    "state.change",
];

/// Which events are meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    /// Of this session; None: of all.
    pub(super) session: Option<SessionName>,
    /// Of these kinds; None: of all. An empty list means none at all.
    pub(super) kinds: Option<Vec<EventKind>>,
}

impl Filter {
    /// What the query asks for, narrowed to what the key may see.
    pub(super) fn of(registry: &Registry, principal: &Principal, params: &Params) -> Answer<Self> {
        let asked = match params.text("session") {
            None | Some("*") => None,
            Some(_) => params.optional::<SessionName>("session")?,
        };
        let session = asked.or_else(|| principal.only_session().cloned());
        match &session {
            Some(name) => {
                principal.require(Action::Read, name)?;
                // What concerns drover as a whole stands under a name that no session has.
                if !name.is_server() {
                    registry.view(name)?;
                }
            }
            None => principal.require_on_all(Action::Read)?,
        }
        Ok(Self { session, kinds: kinds(params.all("events").as_deref())? })
    }

    /// Whether an event is meant.
    pub(super) fn takes(&self, event: &Event) -> bool {
        self.session.as_ref().is_none_or(|session| *session == event.event.session)
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.event.kind))
    }
}

/// Whether a name is an event's, of ours or of WAHA's, or `*`.
pub(in crate::api) fn is_known(name: &str) -> bool {
    name == "*" || NEVER.contains(&name) || name.parse::<EventKind>().is_ok()
}

fn kinds(text: Option<&str>) -> Answer<Option<Vec<EventKind>>> {
    let Some(text) = text.filter(|text| !text.split(',').any(|name| name.trim() == "*")) else { return Ok(None) };
    let mut kinds = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name.parse::<EventKind>() {
            Ok(kind) => kinds.push(kind),
            Err(_) if NEVER.contains(&name) => {}
            Err(error) => return Err(Problem::wrong_field("events", error)),
        }
    }
    Ok(Some(kinds))
}

/// The number of the last event that the caller has: of the header `Last-Event-ID` (which a browser sends by itself when it
/// connects again), else of the parameter `lastEventId`.
pub(super) fn last_id(headers: &HeaderMap, params: &Params) -> Answer<Option<i64>> {
    const NAME: &str = "Last-Event-ID";
    let header = headers.get(NAME).map(|id| id.to_str().unwrap_or("?")).filter(|id| !id.is_empty());
    let Some(id) = header.or_else(|| params.text("lastEventId")) else { return Ok(None) };
    let number = id.strip_prefix("evt_").unwrap_or(id).parse::<i64>();
    match number {
        Ok(number) if number >= 0 => Ok(Some(number)),
        _ => Err(Problem::wrong_field(
            NAME,
            "this is the id of an event, such as evt_00000000000000000042, or its number",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NewEvent;

    fn event(session: &str, kind: EventKind) -> Event {
        let session = session.parse().expect("a name");
        Event { seq: 1, at_ms: 0, event: NewEvent { kind, session, payload: serde_json::Value::Null } }
    }

    #[test]
    fn kinds_are_names_that_we_or_waha_know() {
        assert_eq!(kinds(None).expect("none"), None);
        assert_eq!(kinds(Some("*")).expect("all"), None);
        assert_eq!(kinds(Some("message, *")).expect("all"), None);
        let both = vec![EventKind::Message, EventKind::SessionStatus];
        assert_eq!(kinds(Some("message, session.status")).expect("two"), Some(both));
        assert_eq!(kinds(Some("label.upsert")).expect("one that never happens"), Some(Vec::new()));
        assert_eq!(kinds(Some("mesage")).expect_err("a slip").status(), 422);
    }

    #[test]
    fn a_filter_takes_what_it_names() {
        let all = Filter { session: None, kinds: None };
        assert!(all.takes(&event("main", EventKind::Qr)));
        let one = Filter { session: Some("main".parse().expect("a name")), kinds: Some(vec![EventKind::Message]) };
        assert!(one.takes(&event("main", EventKind::Message)));
        assert!(!one.takes(&event("other", EventKind::Message)));
        assert!(!one.takes(&event("main", EventKind::Qr)));
        let none = Filter { session: None, kinds: Some(Vec::new()) };
        assert!(!none.takes(&event("main", EventKind::Message)));
    }
}
