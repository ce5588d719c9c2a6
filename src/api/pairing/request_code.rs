//! `POST /api/{session}/auth/request-code`

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::{Body, PathSession},
        openapi::{PageDegraded, PageTimeout},
        problem::Answer,
    },
    model::PhoneNumber,
    session::Registry,
};

/// Whose phone it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestCode {
    /// With its country code, digits only or as it is written.
    #[schema(value_type = String, example = "4915112345678")]
    phone_number: PhoneNumber,
}

/// A code to type.
#[derive(Serialize, ToSchema)]
pub(super) struct PairingCode {
    #[schema(example = "ABCD-1234")]
    code: String,
}

/// A code to type on the phone, in two groups of four as WhatsApp shows it.
#[utoipa::path(
    post, path = "/api/{session}/auth/request-code", tag = "linking", params(PathSession),
    request_body = RequestCode,
    responses(
        (status = 201, description = "The code", body = PairingCode),
        (status = 502, response = PageDegraded), (status = 504, response = PageTimeout),
    ),
)]
pub(super) async fn request_code(
    State(registry): State<Registry>,
    principal: Principal,
    PathSession(name): PathSession,
    body: Body,
) -> Answer<(StatusCode, Json<PairingCode>)> {
    principal.require(Action::Control, &name)?;
    registry.view(&name)?;
    let RequestCode { phone_number } = body.read()?;
    let code = registry.request_pairing_code(&name, &phone_number).await?;
    Ok((StatusCode::CREATED, Json(PairingCode { code: grouped(&code) })))
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
