//! `GET /api/contacts/check-exists?phone=&session=`

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::Answer,
    },
    model::{PhoneNumber, SessionName},
    session::Registry,
};

/// Whether a number is on WhatsApp, and under which chat. A question to WhatsApp, so it takes `send`.
pub(super) async fn check_exists(
    State(registry): State<Registry>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Value>> {
    let name: SessionName = params.required("session")?;
    principal.require(Action::Send, &name)?;
    let phone: PhoneNumber = params.required("phone")?;
    let chat = registry.check_number(&name, &phone).await?;
    Ok(Json(match chat {
        Some(chat) => json!({ "numberExists": true, "chatId": chat, "pn": format!("{}@c.us", phone.as_str()) }),
        None => json!({ "numberExists": false }),
    }))
}
