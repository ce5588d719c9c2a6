//! `GET /api/contacts`, `GET /api/contacts/about`, `GET /api/contacts/profile-picture`, each `?contactId=&session=`

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        openapi::{PageDegraded, PageTimeout, Person},
        problem::{Answer, Problem},
    },
    model::{ChatId, SessionName},
    session::Registry,
};

/// Who somebody is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", example = json!({
    "id": "15551234567@c.us", "number": "15551234567", "lid": "123456789012345@lid", "name": "Ana", "pushname": "Ana",
    "isMe": false, "isGroup": false, "isWAContact": true, "isMyContact": true, "isBlocked": false, "isBusiness": false,
}))]
#[expect(dead_code, reason = "described here, passed on as the bridge gives it")]
pub(super) struct Contact {
    id: String,
    number: Option<String>,
    lid: Option<String>,
    name: Option<String>,
    /// As they call themselves.
    pushname: Option<String>,
    short_name: Option<String>,
    is_me: bool,
    is_group: bool,
    #[schema(rename = "isWAContact")]
    is_wa_contact: bool,
    is_my_contact: bool,
    is_blocked: bool,
    is_business: bool,
}

/// What somebody says of themselves.
#[derive(Serialize, ToSchema)]
pub(super) struct About {
    /// null when it is hidden or empty.
    #[schema(value_type = Option<String>)]
    about: Value,
}

/// Where somebody's picture is.
#[derive(Serialize, ToSchema)]
pub(super) struct ProfilePicture {
    /// null when there is none, or it is hidden.
    #[serde(rename = "profilePictureURL")]
    #[schema(value_type = Option<String>)]
    url: Value,
}

/// Who is asked about, in which session.
fn person(principal: &Principal, params: &Params) -> Answer<(SessionName, ChatId)> {
    let name: SessionName = params.required("session")?;
    principal.require(Action::Read, &name)?;
    Ok((name, params.required("contactId")?))
}

/// Who somebody is.
#[utoipa::path(
    get, path = "/api/contacts", tag = "contacts", params(Person),
    responses(
        (status = 200, description = "The contact, as the page has it", body = Contact),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
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
#[utoipa::path(
    get, path = "/api/contacts/about", tag = "contacts", params(Person),
    responses(
        (status = 200, description = "The text", body = About),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn about(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<About>> {
    let (name, id) = person(&principal, &params)?;
    Ok(Json(About { about: registry.about(&name, &id).await? }))
}

/// Somebody's picture.
#[utoipa::path(
    get, path = "/api/contacts/profile-picture", tag = "contacts", params(Person),
    responses(
        (status = 200, description = "Where the picture is", body = ProfilePicture),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn picture(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<ProfilePicture>> {
    let (name, id) = person(&principal, &params)?;
    Ok(Json(ProfilePicture { url: registry.picture(&name, &id).await? }))
}
