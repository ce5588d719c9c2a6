//! A session as WAHA's `SessionInfo`, with our state, reason and page beside it.

use serde_json::{Value, json};

use super::rfc3339;
use crate::{api::state::Facts, model::SessionView, webhook::masked};

/// `SessionInfo`. Everything that a `SessionDTO` holds is in it. The secrets of its webhooks are masked.
pub(in crate::api) fn session(view: &SessionView, config: &Value, facts: &Facts) -> Value {
    let retry = view.retry.map(|(attempt, at_ms)| json!({ "attempt": attempt, "at": rfc3339(at_ms) }));
    json!({
        "name": view.name,
        "status": view.state.wire_status(),
        "config": masked(config),
        "me": view.me,
        "assignedWorker": facts.server.node,
        "presence": null,
        "timestamps": { "activity": view.since_ms },
        "state": view.state,
        "reason": view.reason,
        "desired": view.desired,
        "page": view.page,
        "retry": retry,
    })
}
