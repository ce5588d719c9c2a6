//! `GET /health`, `/health/live`, `/health/ready`

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use tracing::warn;

use crate::{model::WireStatus, queue::Queue, session::Registry, shutdown::Shutdown, store::Store};

/// How long a part may take; less than a container's probe waits.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// The process answers: that is all that a restart could mend.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether requests should be sent here: database and Redis answer, and no shutdown has begun.
pub(super) async fn ready(
    State(store): State<Store>,
    State(queue): State<Queue>,
    State(shutdown): State<Shutdown>,
) -> (StatusCode, Json<Value>) {
    let parts = parts(&store, &queue, &shutdown).await;
    let (code, status) = verdict(&parts);
    (code, Json(json!({ "status": status })))
}

/// The same part by part, in the shape of WAHA's, with how many sessions stand where. `degraded` is still 200.
pub(super) async fn details(
    State(store): State<Store>,
    State(queue): State<Queue>,
    State(shutdown): State<Shutdown>,
    State(registry): State<Registry>,
) -> (StatusCode, Json<Value>) {
    let parts = parts(&store, &queue, &shutdown).await;
    let (code, status) = verdict(&parts);
    let bridge = bridge(&registry);
    let status = if status == "ok" && bridge["status"] != "up" { "degraded" } else { status };
    let show = |wanted: Option<bool>| -> BTreeMap<&str, Value> {
        let shown = parts.iter().filter(|(_, is_up)| wanted.is_none_or(|wanted| wanted == **is_up));
        let shown = shown.map(|(part, is_up)| (*part, json!({ "status": if *is_up { "up" } else { "down" } })));
        shown.chain((wanted != Some(false)).then(|| ("bridge", bridge.clone()))).collect()
    };
    let body = json!({
        "status": status,
        "info": show(Some(true)),
        "error": show(Some(false)),
        "details": show(None),
        "sessions": sessions(&registry),
    });
    (code, Json(body))
}

async fn parts(store: &Store, queue: &Queue, shutdown: &Shutdown) -> BTreeMap<&'static str, bool> {
    let (database, redis) = tokio::join!(answers("the database", store.ping()), answers("Redis", queue.ping()));
    BTreeMap::from([("database", database), ("redis", redis), ("running", !shutdown.has_begun())])
}

/// Whether a part answers, and soon: one that stands still is as bad as one that is gone.
async fn answers<E: std::fmt::Display>(part: &str, ping: impl Future<Output = Result<(), E>>) -> bool {
    match tokio::time::timeout(PING_LIMIT, ping).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => warn!(%error, "{part} does not answer"),
        Err(_) => warn!(limit = ?PING_LIMIT, "{part} does not answer in time"),
    }
    false
}

fn verdict(parts: &BTreeMap<&'static str, bool>) -> (StatusCode, &'static str) {
    if parts.values().all(|is_up| *is_up) { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "error") }
}

/// What the bridge misses in any page. It costs that much and no more, so it is no reason to send requests elsewhere.
fn bridge(registry: &Registry) -> Value {
    let pages: Vec<_> = registry.views().into_iter().map(|view| view.page.missing_capabilities).collect();
    let missing: BTreeSet<&String> = pages.iter().flatten().collect();
    if missing.is_empty() {
        return json!({ "status": "up" });
    }
    let count = pages.iter().filter(|missing| !missing.is_empty()).count();
    json!({ "status": "degraded", "missingCapabilities": missing, "sessions": count })
}

fn sessions(registry: &Registry) -> Value {
    let views = registry.views();
    let count = |wanted: WireStatus| views.iter().filter(|view| view.state.wire_status() == wanted).count();
    json!({
        "total": views.len(),
        "working": count(WireStatus::Working),
        "failed": count(WireStatus::Failed),
    })
}
