//! All sessions as JSON, kept as they were shown last: only what changed since is written anew, so that a list of a thousand costs
//! next to nothing while they rest.
//!
//! Kept twice at most: as those see them who may change them, and as those who may only look.
//!
//! Invariant: what is given out is what the sessions showed after it was asked for; a text is never older than its session's view
//! and `config`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Bytes;
use serde_json::Value;

use crate::{
    api::{state::Facts, wire},
    model::{SessionName, SessionView, WireStatus},
    session::Registry,
};

/// The lists. Cheap to clone.
#[derive(Clone)]
pub(in crate::api) struct Shelf {
    for_keepers: Arc<Mutex<Shelved>>,
    for_readers: Arc<Mutex<Shelved>>,
}

/// How one session is shown.
type Show = fn(&SessionView, &Value, &Facts) -> wire::SessionInfo;

struct Shelved {
    show: Show,
    cards: BTreeMap<SessionName, Card>,
    /// Those that are not stopped, joined; None after a change.
    running: Option<Bytes>,
    /// All of them, joined.
    all: Option<Bytes>,
}

/// One session as it was written.
struct Card {
    view: SessionView,
    config: Arc<Value>,
    text: String,
}

impl Default for Shelf {
    fn default() -> Self {
        let shelved = |show| Arc::new(Mutex::new(Shelved { show, cards: BTreeMap::new(), running: None, all: None }));
        Self { for_keepers: shelved(wire::session), for_readers: shelved(wire::session_for_reader) }
    }
}

impl Shelf {
    /// Every session by name, stopped ones only if `all`, for who may change them or not: a JSON array of `SessionInfo`.
    ///
    /// # Errors
    /// Never in practice: when a session cannot be written as JSON.
    pub(super) fn list(
        &self,
        registry: &Registry,
        facts: &Facts,
        all: bool,
        may_change: bool,
    ) -> serde_json::Result<Bytes> {
        let shelved = if may_change { &self.for_keepers } else { &self.for_readers };
        let mut shelved = shelved.lock().unwrap_or_else(PoisonError::into_inner);
        shelved.refresh(registry, facts)?;
        Ok(shelved.joined(all))
    }
}

impl Shelved {
    fn refresh(&mut self, registry: &Registry, facts: &Facts) -> serde_json::Result<()> {
        let (mut changed, mut count) = (Vec::new(), 0);
        registry.visit(|view, config| {
            count += 1;
            let is_as_before =
                self.cards.get(&view.name).is_some_and(|card| Arc::ptr_eq(&card.config, config) && card.view == *view);
            if !is_as_before {
                changed.push((view.clone(), Arc::clone(config)));
            }
        });
        if changed.is_empty() && count == self.cards.len() {
            return Ok(());
        }
        (self.running, self.all) = (None, None);
        for (view, config) in changed {
            let text = serde_json::to_string(&(self.show)(&view, &config, facts))?;
            self.cards.insert(view.name.clone(), Card { view, config, text });
        }
        if count < self.cards.len() {
            self.cards.retain(|name, _| registry.view(name).is_ok());
        }
        Ok(())
    }

    fn joined(&mut self, all: bool) -> Bytes {
        let cards = &self.cards;
        let kept = if all { &mut self.all } else { &mut self.running };
        let joined = kept.get_or_insert_with(|| {
            let shown = cards.values().filter(|card| all || card.view.wire_status() != WireStatus::Stopped);
            let texts: Vec<&str> = shown.map(|card| card.text.as_str()).collect();
            format!("[{}]", texts.join(",")).into()
        });
        joined.clone()
    }
}
