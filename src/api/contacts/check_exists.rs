//! `GET /api/contacts/check-exists?phone=&session=`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        openapi::{NamedSession, PageDegraded, PageTimeout},
        problem::Answer,
    },
    model::{PhoneNumber, SessionName},
    session::Registry,
};

/// What WhatsApp knows of a number.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "numberExists": true, "chatId": "15551234567@c.us", "pn": "15551234567@c.us" }))]
pub(super) struct NumberCheck {
    number_exists: bool,
    /// Its chat, which may be a hidden number.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<String>,
    /// The number as a chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pn: Option<String>,
}

/// Whether a number is on WhatsApp, and under which chat. A question to WhatsApp, so it takes `send`.
#[utoipa::path(
    get, path = "/api/contacts/check-exists", tag = "contacts",
    params(NamedSession, ("phone" = String, Query, description = "With its country code", example = "15551234567")),
    responses(
        (status = 200, description = "Whether it is", body = NumberCheck),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn check_exists(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<NumberCheck>> {
    let name: SessionName = params.required("session")?;
    principal.require(Action::Send, &name)?;
    let phone: PhoneNumber = params.required("phone")?;
    let chat = registry.check_number(&name, &phone).await?;
    let pn = chat.is_some().then(|| format!("{}@c.us", phone.as_str()));
    Ok(Json(NumberCheck { number_exists: chat.is_some(), chat_id: chat.map(|chat| chat.to_string()), pn }))
}
