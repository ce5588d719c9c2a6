//! `GET /api/audit?limit=&before=`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::Principal,
        input::Params,
        openapi::ListLimit,
        problem::{Answer, Problem},
        wire::rfc3339,
    },
    store::{AuditEntry, Store},
};

/// How many are listed when nobody says.
const USUAL: u32 = 100;
/// How many are listed at most.
const MOST: u32 = 1000;

/// What somebody did, or was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry, example = json!({
    "id": 42, "at": "2026-11-18T11:06:40.000Z", "keyId": "admin", "address": "10.0.0.7",
    "action": "POST /api/sessions/{session}/start", "target": "session=main", "status": 201, "code": null,
    "requestId": "req_0123456789abcdef01234567",
}))]
pub(super) struct Entry {
    id: i64,
    /// RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    #[serde(flatten)]
    #[schema(inline)]
    who: Who,
    /// Method and route.
    action: String,
    /// On what; empty when the action says it all.
    target: String,
    #[serde(flatten)]
    #[schema(inline)]
    result: Ended,
}

/// Who did it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Who {
    key_id: String,
    address: String,
}

/// How it ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Ended {
    status: u16,
    /// The problem's code, if it was refused or failed.
    code: Option<String>,
    request_id: String,
}

/// Who changed what, the newest first. For admins.
#[utoipa::path(
    get, path = "/api/audit", tag = "keys",
    params(ListLimit, ("before" = Option<i64>, Query, description = "Only those with a lower id: the next page")),
    responses((status = 200, description = "The entries", body = [Entry])),
)]
pub(super) async fn list(State(store): State<Store>, principal: Principal, params: Params) -> Answer<Json<Vec<Entry>>> {
    principal.require_admin()?;
    let limit = params.optional::<u32>("limit")?.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::wrong_field("limit", format!("this is a whole number from 1 to {MOST}")));
    }
    let entries = store.audit().newest(params.optional("before")?, limit).await?;
    Ok(Json(entries.into_iter().map(show).collect()))
}

fn show(entry: AuditEntry) -> Entry {
    let AuditEntry { id, at_ms, who, action, target, result, request_id } = entry;
    Entry {
        id,
        at: rfc3339(at_ms),
        who: Who { key_id: who.key_id, address: who.address },
        action,
        target,
        result: Ended { status: result.status, code: result.code, request_id },
    }
}
