//! A session as WAHA's `SessionInfo`, with our state, reason and page beside it.

use serde_json::{Value, json};

use super::rfc3339;
use crate::{api::state::Facts, model::SessionView};

/// What stands for a secret.
pub(in crate::api) const SECRET: &str = "***";

/// A `config` without its secrets.
fn masked(config: &Value) -> Value {
    let mut config = config.clone();
    if let Some(password) = config.pointer_mut("/proxy/password").filter(|password| !password.is_null()) {
        *password = SECRET.into();
    }
    config
}

/// `SessionInfo`. Everything that a `SessionDTO` holds is in it.
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
