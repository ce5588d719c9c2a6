//! A session as WAHA's `SessionInfo`, with our state, reason and page beside it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::rfc3339;
use crate::{
    api::state::Facts,
    model::{
        Degradation, Desired, KeptScreenshot, Latency, Me, Reason, SessionHealth, SessionState, SessionView,
        WireStatus, session::PageView,
    },
    webhook,
};

/// What stands for a secret.
pub(in crate::api) const SECRET: &str = "***";

/// A session: WAHA's `SessionInfo`, in which everything that a `SessionDTO` holds is too, and what drover knows beside.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "name": "main", "status": "WORKING", "config": {}, "me": { "id": "4915112345678@c.us", "pushName": "Shop" },
    "assignedWorker": "node-1", "presence": "offline", "timestamps": { "activity": 1_795_000_000_000_u64 },
    "state": "ready", "reason": null, "desired": "running",
    "page": { "webVersion": "2.3000.1029", "missingCapabilities": [], "loadingPercent": null, "latencyMs": 12 },
    "retry": null, "degraded": false, "quarantined": false,
    "health": {
        "causes": [], "latency": { "p50Ms": 11, "p95Ms": 20 }, "socketDropsLastHour": 0, "crashesLastHour": 0,
        "lastAckAt": "2026-11-18T11:06:40.000Z", "lastActivityAt": "2026-11-18T11:06:40.000Z",
    },
    "screenshots": [],
}))]
pub(in crate::api) struct SessionInfo {
    #[serde(flatten)]
    #[schema(inline)]
    waha: OfWaha,
    #[serde(flatten)]
    #[schema(inline)]
    own: OfOurs,
}

/// What WAHA's clients read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OfWaha {
    #[schema(example = "main")]
    name: String,
    status: WireStatus,
    /// As it was given; secrets in it are masked, and for a key that may not change it the paths of its webhooks' URLs, too.
    #[schema(value_type = Object)]
    config: Value,
    /// The account; null before the first link and after a logout.
    me: Option<Me>,
    /// The node that runs it.
    assigned_worker: String,
    /// `online` or `offline`; null without a page.
    presence: Option<&'static str>,
    timestamps: Timestamps,
}

/// When something last happened.
#[derive(Serialize, ToSchema)]
struct Timestamps {
    /// Unix time in milliseconds of the last change of its state.
    activity: i64,
}

/// What drover knows beside.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OfOurs {
    state: SessionState,
    /// Why it is not WORKING, where there is more to say than the state does.
    reason: Option<Reason>,
    desired: Desired,
    page: PageView,
    /// The next try, while it reconnects.
    retry: Option<Retry>,
    #[serde(flatten)]
    #[schema(inline)]
    flags: Flags,
    /// Pictures of its failures, oldest first.
    screenshots: Vec<Screenshot>,
}

/// How well it does.
#[derive(Serialize, ToSchema)]
struct Flags {
    /// It sends, but slow or flapping; `health.causes` says why.
    degraded: bool,
    /// It crashes too often: its restarts wait.
    quarantined: bool,
    health: Health,
}

/// A try to come.
#[derive(Serialize, ToSchema)]
struct Retry {
    attempt: u32,
    /// RFC 3339.
    #[schema(format = DateTime)]
    at: String,
}

/// What heartbeats, sockets and acknowledgements tell.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionHealth)]
struct Health {
    causes: Vec<Degradation>,
    latency: Option<Latency>,
    socket_drops_last_hour: usize,
    crashes_last_hour: usize,
    /// RFC 3339.
    #[schema(format = DateTime)]
    last_ack_at: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime)]
    last_activity_at: Option<String>,
}

/// A picture of a failure.
#[derive(Serialize, ToSchema)]
struct Screenshot {
    name: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// The reason's code.
    #[schema(example = "banned")]
    reason: String,
    /// Where it is.
    path: String,
}

/// A `config` without its secrets.
fn masked(config: &Value) -> Value {
    let mut config = webhook::masked(config);
    if let Some(password) = config.pointer_mut("/proxy/password").filter(|password| !password.is_null()) {
        *password = SECRET.into();
    }
    config
}

/// A session as it is shown to who may not change it.
pub(in crate::api) fn session_for_reader(view: &SessionView, config: &Value, facts: &Facts) -> SessionInfo {
    let mut info = session(view, config, facts);
    info.waha.config = webhook::for_readers(info.waha.config);
    info
}

/// A session as it is shown to who may change it.
pub(in crate::api) fn session(view: &SessionView, config: &Value, facts: &Facts) -> SessionInfo {
    let waha = OfWaha {
        name: view.name.to_string(),
        status: view.wire_status(),
        config: masked(config),
        me: view.me.clone(),
        assigned_worker: facts.server.node.clone(),
        presence: view.health.is_online.map(|is_online| if is_online { "online" } else { "offline" }),
        timestamps: Timestamps { activity: view.since_ms },
    };
    let own = OfOurs {
        state: view.state,
        reason: view.reason.clone(),
        desired: view.desired,
        page: view.page.clone(),
        retry: view.retry.map(|(attempt, at_ms)| Retry { attempt, at: rfc3339(at_ms) }),
        flags: Flags {
            degraded: !view.health.degraded.is_empty(),
            quarantined: view.health.quarantined,
            health: health(&view.health),
        },
        screenshots: view.health.screenshots.iter().map(|kept| screenshot(view, kept)).collect(),
    };
    SessionInfo { waha, own }
}

fn health(health: &SessionHealth) -> Health {
    Health {
        causes: health.degraded.clone(),
        latency: health.latency,
        socket_drops_last_hour: health.socket_drops_last_hour,
        crashes_last_hour: health.crashes_last_hour,
        last_ack_at: health.last_ack_at_ms.map(rfc3339),
        last_activity_at: health.last_activity_at_ms.map(rfc3339),
    }
}

fn screenshot(view: &SessionView, kept: &KeptScreenshot) -> Screenshot {
    Screenshot {
        name: kept.name.clone(),
        at: rfc3339(kept.at_ms),
        reason: kept.reason.clone(),
        path: format!("/api/sessions/{}/screenshots/{}", view.name, kept.name),
    }
}
