//! `GET /api/contacts`, `GET /api/contacts/about`, `GET /api/contacts/profile-picture`, each `?contactId=&session=`

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::{Answer, Problem},
    },
    model::{ChatId, SessionName},
    session::Registry,
};

/// Who is asked about, in which session.
fn person(principal: &Principal, params: &Params) -> Answer<(SessionName, ChatId)> {
    let name: SessionName = params.required("session")?;
    principal.require(Action::Read, &name)?;
    Ok((name, params.required("contactId")?))
}

/// Who somebody is.
pub(super) async fn contact(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Value>> {
    let (name, id) = person(&principal, &params)?;
    match registry.contact(&name, &id).await? {
        Value::Null => Err(Problem::new(StatusCode::NOT_FOUND, "unknown_contact", format!("WhatsApp knows no {id}"))),
        contact => Ok(Json(contact)),
    }
}

/// What somebody says of themselves.
pub(super) async fn about(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Value>> {
    let (name, id) = person(&principal, &params)?;
    Ok(Json(json!({ "about": registry.about(&name, &id).await? })))
}

/// Somebody's picture.
pub(super) async fn picture(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Value>> {
    let (name, id) = person(&principal, &params)?;
    Ok(Json(json!({ "profilePictureURL": registry.picture(&name, &id).await? })))
}
