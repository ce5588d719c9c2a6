//! Events as the wire has them, with what the envelope says of their sessions.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::debug;

use crate::{
    api::state::Parts,
    event::{About, envelope},
    model::{Event, SessionName},
};

/// For how long a session's metadata is believed.
const BELIEVED: Duration = Duration::from_secs(5);

/// Shows events to one client.
pub(super) struct Teller {
    parts: Parts,
    metadata: HashMap<SessionName, (Instant, Option<Value>)>,
}

impl Teller {
    pub(super) fn new(parts: &Parts) -> Self {
        Self { parts: parts.clone(), metadata: HashMap::new() }
    }

    /// An event in WAHA's envelope.
    pub(super) async fn show(&mut self, event: &Event) -> Value {
        let session = &event.event.session;
        let view = self.parts.rooms.registry.view(session).ok();
        let about = About { me: view.and_then(|view| view.me), metadata: self.metadata(session).await };
        json!(envelope(event, &about, &self.parts.facts.environment))
    }

    async fn metadata(&mut self, session: &SessionName) -> Option<Value> {
        if let Some((read_at, metadata)) = self.metadata.get(session)
            && read_at.elapsed() < BELIEVED
        {
            return metadata.clone();
        }
        let record = match self.parts.rooms.store.sessions().get(session).await {
            Ok(record) => record,
            Err(error) => {
                // The event itself counts.
                debug!(%error, session.id = %session, "a session's metadata could not be read");
                return None;
            }
        };
        let metadata = record.and_then(|record| About::of(&record).metadata);
        self.metadata.insert(session.clone(), (Instant::now(), metadata.clone()));
        metadata
    }
}
