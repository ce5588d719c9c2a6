//! `GET /api/{session}/lids/{lid}`, `GET /api/{session}/lids/pn/{phoneNumber}`: which number is behind a hidden one, and which
//! hidden one a number has.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::{PathLid, PathPhone, PathSession},
        openapi::{PageDegraded, PageTimeout},
        problem::Answer,
    },
    session::Registry,
};

/// Two names of one person.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "lid": "123456789012345@lid", "pn": "15551234567@c.us" }))]
pub(super) struct LidAndNumber {
    /// The hidden number; null when it is not known.
    lid: Option<String>,
    /// The number; null when WhatsApp does not tell it.
    pn: Option<String>,
}

/// The number behind a hidden one.
#[utoipa::path(
    get, path = "/api/{session}/lids/{lid}", tag = "contacts", params(PathSession, PathLid),
    responses(
        (status = 200, description = "Both, as far as they are known", body = LidAndNumber),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn number(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathLid(lid): PathLid,
) -> Answer<Json<LidAndNumber>> {
    principal.require(Action::Read, &name)?;
    let contact = registry.contact(&name, &lid).await?;
    let number = contact["number"].as_str().map(|number| format!("{number}@c.us"));
    Ok(Json(LidAndNumber { lid: Some(lid.to_string()), pn: number }))
}

/// The hidden number of a number.
#[utoipa::path(
    get, path = "/api/{session}/lids/pn/{phoneNumber}", tag = "contacts", params(PathSession, PathPhone),
    responses(
        (status = 200, description = "Both, as far as they are known", body = LidAndNumber),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn lid(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    PathPhone(chat): PathPhone,
) -> Answer<Json<LidAndNumber>> {
    principal.require(Action::Read, &name)?;
    let contact = registry.contact(&name, &chat).await?;
    let lid = contact.get("lid").and_then(Value::as_str).map(str::to_owned);
    Ok(Json(LidAndNumber { lid, pn: Some(chat.to_string()) }))
}
