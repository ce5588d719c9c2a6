//! `GET /health`, `/health/live`, `/health/ready`

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Map, Value, json};

use crate::{
    health::{Health, Part, Report, Status},
    model::WireStatus,
    session::Registry,
    shutdown::Shutdown,
};

/// The process answers: that is all that a restart could mend.
pub(in crate::api) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether requests should be sent here: database and Redis answer, and no shutdown has begun.
pub(super) async fn ready(State(health): State<Health>, State(shutdown): State<Shutdown>) -> (StatusCode, Json<Value>) {
    let report = health.report().await;
    let (code, status) = verdict(&report, &shutdown);
    let parts = report.parts.iter().map(|(name, part)| (*name, part.status)).chain([running(&shutdown)]);
    let parts: BTreeMap<&str, &str> = parts.map(|(name, status)| (name, status.as_str())).collect();
    (code, Json(json!({ "status": status, "parts": parts })))
}

/// The same part by part, in the shape of WAHA's, with how many sessions stand where. `degraded` is still 200.
pub(super) async fn details(
    State(health): State<Health>,
    State(shutdown): State<Shutdown>,
    State(registry): State<Registry>,
) -> (StatusCode, Json<Value>) {
    let report = health.report().await;
    let (code, status) = verdict(&report, &shutdown);
    let (name, running) = running(&shutdown);
    let shown = report.parts.iter().map(|(name, part)| (*name, part.status, shown(part)));
    let shown: Vec<_> = shown.chain([(name, running, json!({ "status": running.as_str() }))]).collect();
    let those = |wanted: fn(Status) -> bool| -> BTreeMap<&str, &Value> {
        shown.iter().filter(|(_, status, _)| wanted(*status)).map(|(name, _, shown)| (*name, shown)).collect()
    };
    let body = json!({
        "status": status,
        "info": those(|status| status != Status::Down),
        "error": those(|status| status == Status::Down),
        "details": those(|_| true),
        "sessions": sessions(&registry),
    });
    (code, Json(body))
}

fn running(shutdown: &Shutdown) -> (&'static str, Status) {
    ("running", if shutdown.has_begun() { Status::Down } else { Status::Up })
}

fn verdict(report: &Report, shutdown: &Shutdown) -> (StatusCode, &'static str) {
    match () {
        () if shutdown.has_begun() || !report.is_ready() => (StatusCode::SERVICE_UNAVAILABLE, "error"),
        () if report.is_well() => (StatusCode::OK, "ok"),
        () => (StatusCode::OK, "degraded"),
    }
}

fn shown(part: &Part) -> Value {
    let mut members: Map<String, Value> = part.figures.clone();
    members.insert("status".to_owned(), part.status.as_str().into());
    if !part.message.is_empty() {
        members.insert("message".to_owned(), part.message.clone().into());
    }
    Value::Object(members)
}

fn sessions(registry: &Registry) -> Value {
    let views = registry.views();
    let count = |wanted: WireStatus| views.iter().filter(|view| view.wire_status() == wanted).count();
    json!({
        "total": views.len(),
        "working": count(WireStatus::Working),
        "failed": count(WireStatus::Failed),
    })
}
