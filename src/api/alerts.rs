//! Alerts: which problems are open, whether mails about them are sent, and a mail to try that out.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Action, Principal},
    input::Body,
    problem::{Answer, Problem},
    state::Parts,
};
use crate::{
    alert::{AlertError, Alerts, KINDS, TestResult, TestWish},
    config,
    model::Language,
    store::{MailRecord, Problem as OpenProblem},
};

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(test))
}

/// The problems that are open, and how the mails about them stand.
#[utoipa::path(
    get, path = "/api/alerts", tag = "server",
    responses((status = 200, description = "Open problems, mails, and templates with an error")),
)]
async fn list(principal: Principal, State(alerts): State<Alerts>) -> Answer<Json<Value>> {
    principal.require_on_all(Action::Read)?;
    let status = alerts.status().await?;
    let templates: Vec<Value> = status
        .refused_templates
        .iter()
        .map(|refused| json!({ "template": refused.name, "line": refused.line, "message": refused.why }))
        .collect();
    Ok(Json(json!({
        "open": status.open.iter().map(open).collect::<Vec<_>>(),
        "mail": {
            "configured": status.is_mailed,
            "outage": status.outage,
            "waiting": status.waiting.iter().map(mail).collect::<Vec<_>>(),
            "dead": status.dead.iter().map(mail).collect::<Vec<_>>(),
        },
        "refusedTemplates": templates,
    })))
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
    responses((status = 200, description = "What became of it for each recipient")),
)]
async fn test(principal: Principal, State(alerts): State<Alerts>, body: Body) -> Answer<Json<Value>> {
    principal.require_admin()?;
    let Wish { kind, recipient, language } = body.read()?;
    if recipient.as_ref().is_some_and(|address| !config::is_mail_address(address)) {
        return Err(Problem::wrong_field("recipient", "this is no address such as ops@example.com"));
    }
    let results = alerts.try_out(&TestWish { kind, recipient, language }).await?;
    Ok(Json(json!({ "results": results.iter().map(result).collect::<Vec<_>>() })))
}

fn open(problem: &OpenProblem) -> Value {
    json!({
        "session": (!problem.session.is_server()).then_some(&problem.session),
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "raisedAt": problem.raised_at_ms,
    })
}

fn mail(record: &MailRecord) -> Value {
    json!({
        "id": record.mail.id,
        "recipient": record.mail.recipient,
        "subject": record.mail.subject,
        "attempts": record.attempts,
        "createdAt": record.created_at_ms,
        "dueAt": (!record.is_dead).then_some(record.due_at_ms),
        "error": record.failure.as_ref().map(|(code, message)| json!({ "code": code, "message": message })),
    })
}

fn result(result: &TestResult) -> Value {
    json!({
        "recipient": result.recipient,
        "subject": result.subject,
        "sent": result.failure.is_none(),
        "error": result.failure.as_ref().map(|(code, message)| json!({ "code": code, "message": message })),
    })
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
