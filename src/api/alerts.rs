//! Alerts: which problems are open, whether mails about them are sent, and a mail to try that out.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Action, Principal},
    input::Body,
    problem::{Answer, Problem},
    state::Parts,
    wire::{self, AlertStatus, TestedMails},
};
use crate::{
    alert::{AlertError, Alerts, KINDS, TestWish},
    config,
    model::Language,
};

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(test))
}

/// The problems that are open, and how the mails about them stand.
#[utoipa::path(
    get, path = "/api/alerts", tag = "server",
    responses((status = 200, description = "Open problems, mails, and templates with an error", body = AlertStatus)),
)]
async fn list(principal: Principal, State(alerts): State<Alerts>) -> Answer<Json<AlertStatus>> {
    principal.require_on_all(Action::Read)?;
    let status = alerts.status().await?;
    Ok(Json(wire::alert_status(&status)))
}

/// Which mail to whom.
#[derive(Deserialize, ToSchema)]
struct Wish {
    /// Which alert; `disconnected` when absent.
    kind: Option<String>,
    /// To whom; `alerts.recipients` when absent.
    recipient: Option<String>,
    /// In which language; `alerts.language` when absent.
    language: Option<Language>,
}

/// One mail of a kind, sent at once, and what became of it.
#[utoipa::path(
    post, path = "/api/alerts/test", tag = "server", request_body = Wish,
    responses((status = 200, description = "What became of it for each recipient", body = TestedMails)),
)]
async fn test(principal: Principal, State(alerts): State<Alerts>, body: Body) -> Answer<Json<TestedMails>> {
    principal.require_admin()?;
    let Wish { kind, recipient, language } = body.read()?;
    if recipient.as_ref().is_some_and(|address| !config::is_mail_address(address)) {
        return Err(Problem::wrong_field("recipient", "this is no address such as ops@example.com"));
    }
    let results = alerts.try_out(&TestWish { kind, recipient, language }).await?;
    Ok(Json(wire::tested_mails(results)))
}

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        let message = error.to_string();
        match error {
            AlertError::NoServer | AlertError::NoRecipient | AlertError::Smtp { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "mail_not_set_up", message)
            }
            AlertError::UnknownKind(_) => {
                Self::wrong_field("kind", format!("{message}; those that there are: {}", KINDS.join(", ")))
            }
            AlertError::Template(_) => Self::internal(message),
            AlertError::Store(error) => error.into(),
        }
    }
}
