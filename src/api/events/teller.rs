//! Events as the wire has them, with what the envelope says of their sessions.
//!
//! An event is the same text for everybody who hears it, so it is written once however many listen. What is kept of it is bounded
//! in bytes and in time.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    api::state::Parts,
    bounded::{Bounded, Bounds, Life},
    event::{About, envelope},
    model::Event,
};

/// For how long a text is kept for those who have not heard it yet.
const KEPT: Duration = Duration::from_secs(5);
/// How much text is kept, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// What was told lately, by the event's number. Cheap to clone.
#[derive(Clone)]
pub(in crate::api) struct Told(Bounded<i64, Arc<str>>);

impl Told {
    pub(in crate::api) fn new() -> Self {
        let weigh = |_: &i64, text: &Arc<str>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self(Bounded::weighed(Bounds { name: "told_events", most: MOST_BYTES, life: Life::Put(KEPT) }, weigh))
    }
}

/// Shows events to one client.
pub(super) struct Teller {
    parts: Parts,
}

impl Teller {
    pub(super) fn new(parts: &Parts) -> Self {
        Self { parts: parts.clone() }
    }

    /// An event in WAHA's envelope.
    pub(super) fn show(&self, event: &Event) -> Value {
        let (registry, session) = (&self.parts.rooms.registry, &event.event.session);
        let about = About {
            me: registry.view(session).ok().and_then(|view| view.me),
            metadata: registry.config(session).ok().and_then(|config| About::metadata_of(&config)),
        };
        json!(envelope(event, &about, &self.parts.facts.environment))
    }

    /// The same as text, written once for all who hear it.
    pub(super) fn text(&self, event: &Event) -> Arc<str> {
        self.parts.told.0.get_or_make(event.seq, || self.show(event).to_string().into())
    }
}
