//! `POST /api/{session}/auth/request-code`

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::{Body, PathSession},
        problem::Answer,
    },
    model::PhoneNumber,
    session::Registry,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestCode {
    phone_number: PhoneNumber,
}

/// A code to type on the phone, in two groups of four as WhatsApp shows it.
pub(super) async fn request_code(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
    principal.require(Action::Control, &name)?;
    registry.view(&name)?;
    let RequestCode { phone_number } = body.read()?;
    let code = registry.request_pairing_code(&name, &phone_number).await?;
    Ok((StatusCode::CREATED, Json(json!({ "code": grouped(&code) }))))
}

fn grouped(code: &str) -> String {
    match code.split_at_checked(4) {
        Some((first, second)) if second.len() == 4 => format!("{first}-{second}"),
        _ => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn eight_characters_are_shown_in_two_groups() {
        assert_eq!(grouped("ABCD1234"), "ABCD-1234");
        assert_eq!(grouped("ABCD-1234"), "ABCD-1234");
        assert_eq!(grouped(""), "");
    }
}
