//! `GET /health`, `/health/live`, `/health/ready`

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    health::{Health, Part, Report, Status},
    model::WireStatus,
    session::Registry,
    shutdown::Shutdown,
};

/// The process lives.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Life {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether requests should be sent here.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "status": "ok", "parts": { "database": "up", "redis": "up", "running": "up" } }))]
pub(super) struct Readiness {
    /// `ok`, `degraded` or `error`.
    status: &'static str,
    /// Each part: `up`, `degraded` or `down`.
    #[schema(value_type = BTreeMap<String, String>)]
    parts: BTreeMap<&'static str, &'static str>,
}

/// WAHA's health, part by part.
#[derive(Serialize, ToSchema)]
#[schema(as = Health, example = json!({
    "status": "ok", "info": { "database": { "status": "up" } }, "error": {}, "details": { "database": { "status": "up" } },
    "sessions": { "total": 2, "working": 2, "failed": 0 },
}))]
pub(super) struct Details {
    /// `ok`, `degraded` or `error`.
    status: &'static str,
    /// The parts that are up, or degraded.
    #[schema(value_type = BTreeMap<String, HealthPart>)]
    info: BTreeMap<&'static str, HealthPart>,
    /// The parts that are down.
    #[schema(value_type = BTreeMap<String, HealthPart>)]
    error: BTreeMap<&'static str, HealthPart>,
    /// All of them.
    #[schema(value_type = BTreeMap<String, HealthPart>)]
    details: BTreeMap<&'static str, HealthPart>,
    sessions: SessionCounts,
}

/// A part of what drover needs, with figures of its own beside.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct HealthPart {
    /// `up`, `degraded` or `down`.
    #[schema(example = "up")]
    status: &'static str,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(value_type = Option<String>)]
    message: String,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    figures: Map<String, Value>,
}

/// How many sessions stand where.
#[derive(Serialize, ToSchema)]
struct SessionCounts {
    total: usize,
    working: usize,
    failed: usize,
}

/// The process answers: that is all that a restart could mend.
#[utoipa::path(
    get, path = "/health/live", tag = "server", security(()),
    responses((status = 200, description = "The process answers", body = Life)),
)]
pub(in crate::api) async fn live() -> Json<Life> {
    Json(Life { status: "ok" })
}

/// Whether requests should be sent here: database and Redis answer, and no shutdown has begun.
#[utoipa::path(
    get, path = "/health/ready", tag = "server", security(()),
    responses(
        (status = 200, description = "Requests may be sent here", body = Readiness),
        (status = 503, description = "Database or Redis does not answer, or drover is ending", body = Readiness),
    ),
)]
pub(super) async fn ready(
    State(health): State<Health>,
    State(shutdown): State<Shutdown>,
) -> (StatusCode, Json<Readiness>) {
    let report = health.report().await;
    let (code, status) = verdict(&report, &shutdown);
    let parts = report.parts.iter().map(|(name, part)| (*name, part.status)).chain([running(&shutdown)]);
    let parts = parts.map(|(name, status)| (name, status.as_str())).collect();
    (code, Json(Readiness { status, parts }))
}

/// The same part by part, in the shape of WAHA's, with how many sessions stand where. `degraded` is still 200.
#[utoipa::path(
    get, path = "/health", tag = "server",
    responses(
        (status = 200, description = "Everything that drover needs answers", body = Details),
        (status = 503, description = "A part does not answer, or drover is ending", body = Details),
    ),
)]
pub(super) async fn details(
    State(health): State<Health>,
    State(shutdown): State<Shutdown>,
    State(registry): State<Registry>,
) -> (StatusCode, Json<Details>) {
    let report = health.report().await;
    let (code, status) = verdict(&report, &shutdown);
    let (name, running) = running(&shutdown);
    let shown = report.parts.iter().map(|(name, part)| (*name, part.status, shown(part)));
    let running_part = HealthPart { status: running.as_str(), message: String::new(), figures: Map::new() };
    let shown: Vec<_> = shown.chain([(name, running, running_part)]).collect();
    let those = |wanted: fn(Status) -> bool| -> BTreeMap<&'static str, HealthPart> {
        shown.iter().filter(|(_, status, _)| wanted(*status)).map(|(name, _, shown)| (*name, shown.clone())).collect()
    };
    let details = Details {
        status,
        info: those(|status| status != Status::Down),
        error: those(|status| status == Status::Down),
        details: those(|_| true),
        sessions: sessions(&registry),
    };
    (code, Json(details))
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

fn shown(part: &Part) -> HealthPart {
    HealthPart { status: part.status.as_str(), message: part.message.clone(), figures: part.figures.clone() }
}

fn sessions(registry: &Registry) -> SessionCounts {
    let views = registry.views();
    let count = |wanted: WireStatus| views.iter().filter(|view| view.wire_status() == wanted).count();
    SessionCounts { total: views.len(), working: count(WireStatus::Working), failed: count(WireStatus::Failed) }
}
