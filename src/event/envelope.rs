//! WAHA's envelope around an event: the same for streams, lists and webhooks.

use serde_json::{Value, json};

use crate::model::{Event, Me, SessionRecord};

/// The engine that WAHA's clients know and whose ids ours are like.
const ENGINE: &str = "WEBJS";

/// WAHA's `environment`. The tier is the one that has several sessions.
#[must_use]
pub fn environment(browser: &str, node: &str) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "engine": ENGINE,
        "tier": "PLUS",
        "browser": browser,
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        "worker": { "id": node },
    })
}

/// What the envelope says of an event's session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    /// Its account.
    pub me: Option<Me>,
    /// `config.metadata`.
    pub metadata: Option<Value>,
}

impl About {
    /// Of a session as it is stored.
    #[must_use]
    pub fn of(record: &SessionRecord) -> Self {
        let metadata = record.config.get("metadata").filter(|metadata| !metadata.is_null());
        Self { me: record.me.clone(), metadata: metadata.cloned() }
    }
}

/// An event as the wire has it.
#[must_use]
pub fn envelope(event: &Event, about: &About, environment: &Value) -> Value {
    let mut body = json!({
        "id": event.public_id(),
        "timestamp": event.at_ms,
        "event": event.event.kind,
        "session": event.event.session,
        "me": about.me,
        "payload": event.event.payload,
        "engine": ENGINE,
        "environment": environment,
    });
    if let Some(metadata) = &about.metadata {
        body["metadata"] = metadata.clone();
    }
    body
}
