//! A session as WAHA's `SessionInfo`, with our state, reason and page beside it.

use serde_json::{Value, json};

use super::rfc3339;
use crate::{
    api::state::Facts,
    model::{KeptScreenshot, SessionHealth, SessionView},
    webhook,
};

/// What stands for a secret.
pub(in crate::api) const SECRET: &str = "***";

/// A `config` without its secrets.
fn masked(config: &Value) -> Value {
    let mut config = webhook::masked(config);
    if let Some(password) = config.pointer_mut("/proxy/password").filter(|password| !password.is_null()) {
        *password = SECRET.into();
    }
    config
}

/// `SessionInfo`. Everything that a `SessionDTO` holds is in it. The secrets of its webhooks are masked.
pub(in crate::api) fn session(view: &SessionView, config: &Value, facts: &Facts) -> Value {
    let retry = view.retry.map(|(attempt, at_ms)| json!({ "attempt": attempt, "at": rfc3339(at_ms) }));
    json!({
        "name": view.name,
        "status": view.wire_status(),
        "config": masked(config),
        "me": view.me,
        "assignedWorker": facts.server.node,
        "presence": view.health.is_online.map(|is_online| if is_online { "online" } else { "offline" }),
        "timestamps": { "activity": view.since_ms },
        "state": view.state,
        "reason": view.reason,
        "desired": view.desired,
        "page": view.page,
        "retry": retry,
        "degraded": !view.health.degraded.is_empty(),
        "quarantined": view.health.quarantined,
        "health": health(&view.health),
        "screenshots": view.health.screenshots.iter().map(|kept| screenshot(view, kept)).collect::<Vec<_>>(),
    })
}

fn health(health: &SessionHealth) -> Value {
    json!({
        "causes": health.degraded,
        "latency": health.latency,
        "socketDropsLastHour": health.socket_drops_last_hour,
        "crashesLastHour": health.crashes_last_hour,
        "lastAckAt": health.last_ack_at_ms.map(rfc3339),
        "lastActivityAt": health.last_activity_at_ms.map(rfc3339),
    })
}

fn screenshot(view: &SessionView, kept: &KeptScreenshot) -> Value {
    json!({
        "name": kept.name,
        "at": rfc3339(kept.at_ms),
        "reason": kept.reason,
        "path": format!("/api/sessions/{}/screenshots/{}", view.name, kept.name),
    })
}
