//! WAHA's envelope around an event: the same for streams, lists and webhooks.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::{Event, EventKind, Me, SessionName, SessionRecord};

/// The engine that WAHA's clients know and whose ids ours are like.
const ENGINE: &str = "WEBJS";

/// WAHA's `environment`: what a server is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "version": "0.1.0", "engine": "WEBJS", "tier": "PLUS", "browser": "/usr/bin/chromium", "platform": "linux/x86_64",
    "worker": { "id": "node-1" },
}))]
pub struct Environment {
    /// drover's version.
    version: &'static str,
    engine: &'static str,
    /// The tier of WAHA that has several sessions.
    tier: &'static str,
    /// The browser's path, or its name.
    browser: String,
    platform: String,
    /// Who answers.
    pub worker: Worker,
}

/// The node that answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Worker {
    id: String,
}

/// What this server is.
#[must_use]
pub fn environment(browser: &str, node: &str) -> Environment {
    Environment {
        version: env!("CARGO_PKG_VERSION"),
        engine: ENGINE,
        tier: "PLUS",
        browser: browser.to_owned(),
        platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        worker: Worker { id: node.to_owned() },
    }
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
        Self { me: record.me.clone(), metadata: Self::metadata_of(&record.config) }
    }

    /// The metadata that a session's `config` has for it.
    #[must_use]
    pub fn metadata_of(config: &Value) -> Option<Value> {
        config.get("metadata").filter(|metadata| !metadata.is_null()).cloned()
    }
}

/// An event as the wire has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event, example = json!({
    "id": "evt_00000000000000000042", "timestamp": 1_795_000_000_000_u64, "event": "session.status", "session": "main",
    "me": { "id": "4915112345678@c.us", "pushName": "Shop" }, "payload": { "name": "main", "status": "WORKING" },
    "engine": "WEBJS",
    "environment": {
        "version": "0.1.0", "engine": "WEBJS", "tier": "PLUS", "browser": "/usr/bin/chromium",
        "platform": "linux/x86_64", "worker": { "id": "node-1" },
    },
}))]
pub struct Envelope<'e> {
    /// `evt_` and the event's number, by which a stream resumes.
    id: String,
    /// Unix time in milliseconds.
    timestamp: i64,
    event: EventKind,
    #[schema(value_type = String)]
    session: &'e SessionName,
    me: Option<&'e Me>,
    /// `config.metadata` of its session; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'e Value>,
    /// What happened; its shape depends on `event`.
    #[schema(value_type = Value)]
    payload: &'e Value,
    engine: &'static str,
    environment: &'e Environment,
}

/// An event in its envelope.
#[must_use]
pub fn envelope<'e>(event: &'e Event, about: &'e About, environment: &'e Environment) -> Envelope<'e> {
    Envelope {
        id: event.public_id(),
        timestamp: event.at_ms,
        event: event.event.kind,
        session: &event.event.session,
        me: about.me.as_ref(),
        metadata: about.metadata.as_ref(),
        payload: &event.event.payload,
        engine: ENGINE,
        environment,
    }
}
