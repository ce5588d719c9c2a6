//! WAHA's envelope around an event: the same for streams, lists and webhooks.

use serde_json::{Value, json};

use crate::model::{Event, Me};

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

/// An event as the wire has it.
#[must_use]
pub fn envelope(event: &Event, me: Option<&Me>, environment: &Value) -> Value {
    json!({
        "id": event.public_id(),
        "timestamp": event.at_ms,
        "event": event.event.kind,
        "session": event.event.session,
        "me": me,
        "payload": event.event.payload,
        "engine": ENGINE,
        "environment": environment,
    })
}
