//! `GET /api/memory`: who holds how much, and who would be put to sleep first.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Action, Principal},
    problem::Answer,
    state::Parts,
    wire::rfc3339,
};
use crate::{
    host::TreeMemory,
    session::{MemoryView, Registry, SessionMemory},
};

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(memory))
}

/// Who holds how much memory.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, example = json!({
    "measuredAt": "2026-11-18T11:06:40.000Z", "budgetBytes": 4_000_000_000_u64, "usedBytes": 900_000_000,
    "limitBytes": 4_294_967_296_u64, "level": "normal",
    "drover": { "privateBytes": 40_000_000, "pssBytes": 45_000_000, "processes": 1 },
    "children": { "privateBytes": 9_000_000, "pssBytes": 10_000_000, "processes": 1 },
    "tasks": { "current": 120, "max": 4096 },
    "sessions": [{ "name": "main", "privateBytes": 120_000_000, "pssBytes": 180_000_000, "processes": 5, "idleS": 30, "pinned": false }],
    "evictionOrder": ["main"], "waitingForRoom": [],
}))]
struct Memory(Value);

/// Memory as it was measured last: who holds how much, and who would be put to sleep first.
#[utoipa::path(
    get, path = "/api/memory", tag = "server",
    responses((status = 200, description = "The figures", body = Memory)),
)]
async fn memory(State(registry): State<Registry>, principal: Principal) -> Answer<Json<Memory>> {
    principal.require_on_all(Action::Read)?;
    Ok(Json(Memory(shown(&registry.memory()))))
}

fn shown(view: &MemoryView) -> Value {
    // Where nothing limits it there is no number for it.
    let budget_bytes = Some(view.budget_bytes).filter(|bytes| *bytes < u64::MAX);
    json!({
        "measuredAt": view.measured_at_ms.map(rfc3339),
        "budgetBytes": budget_bytes,
        "usedBytes": view.used_bytes,
        "limitBytes": view.limits.memory_bytes,
        "level": view.level,
        "drover": held(view.own),
        "children": held(view.others),
        "tasks": { "current": view.limits.tasks_current, "max": view.limits.tasks_max },
        "sessions": view.sessions.iter().map(session).collect::<Vec<_>>(),
        "evictionOrder": view.eviction_order,
        "waitingForRoom": view.waiting_for_room,
    })
}

fn held(held: TreeMemory) -> Value {
    json!({ "privateBytes": held.private_bytes, "pssBytes": held.pss_bytes, "processes": held.processes })
}

fn session(session: &SessionMemory) -> Value {
    json!({
        "name": session.name,
        "privateBytes": session.held.private_bytes,
        "pssBytes": session.held.pss_bytes,
        "processes": session.held.processes,
        "idleS": session.idle_ms / 1_000,
        "pinned": session.is_pinned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_no_number() {
        let view = MemoryView { budget_bytes: u64::MAX, ..MemoryView::default() };
        assert_eq!(shown(&view)["budgetBytes"], Value::Null);
        assert_eq!(shown(&view)["level"], "normal");
    }
}
