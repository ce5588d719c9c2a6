//! An event in WAHA's envelope.

use serde_json::{Value, json};

use super::{ENGINE, environment};
use crate::{
    api::state::Facts,
    model::{Event, Me},
};

/// WAHA's envelope around an event.
pub(in crate::api) fn event(event: &Event, me: Option<&Me>, facts: &Facts) -> Value {
    json!({
        "id": event.public_id(),
        "timestamp": event.at_ms,
        "event": event.event.kind,
        "session": event.event.session,
        "me": me,
        "payload": event.event.payload,
        "engine": ENGINE,
        "environment": environment(facts),
    })
}
