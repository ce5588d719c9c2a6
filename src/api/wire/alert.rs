//! Problems that are open, and the mails about them.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::{
    alert::{RefusedTemplate, Status, TestResult},
    model::Severity,
    store::{MailRecord, Problem},
};

/// The problems that are open, and how the mails about them stand.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "open": [{
        "session": "main", "code": "disconnected", "severity": "critical",
        "message": "'main' is disconnected for good: the phone unlinked this device; scan a new QR to link again",
        "raisedAt": "2026-11-18T11:06:40.000Z",
    }],
    "mail": { "configured": true, "outage": null, "waiting": [], "dead": [] },
    "refusedTemplates": [],
}))]
pub(in crate::api) struct AlertStatus {
    /// Oldest first.
    open: Vec<OpenProblem>,
    mail: Mails,
    /// Templates with an error: the one before each is used instead.
    refused_templates: Vec<Refused>,
}

/// A problem that is open.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenProblem)]
struct OpenProblem {
    /// Null when it concerns drover itself.
    session: Option<String>,
    code: String,
    severity: Severity,
    /// What happened and what to do.
    message: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    raised_at: String,
}

/// How the mails about alerts stand.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertMails)]
struct Mails {
    /// Whether a mail server is named, and somebody to write to.
    configured: bool,
    /// Why the server takes none, while it does not.
    outage: Option<String>,
    /// Those that wait for the server.
    waiting: Vec<Mail>,
    /// Those that were given up, newest first.
    dead: Vec<Mail>,
}

/// A mail that waits, or was given up.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AlertMail)]
struct Mail {
    id: String,
    recipient: String,
    subject: String,
    /// How often it was tried.
    attempts: u32,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is tried again; null when it was given up. RFC 3339.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    error: Option<MailError>,
}

/// Why a mail was not taken.
#[derive(Serialize, ToSchema)]
struct MailError {
    code: String,
    message: String,
}

/// A template that has an error.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedTemplate)]
struct Refused {
    /// Its path within the folder.
    template: String,
    /// Where the error is, as far as that is known.
    line: Option<usize>,
    message: String,
}

/// What became of a test mail.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "results": [{ "recipient": "ops@example.com", "subject": "shop: disconnected, a person must scan the QR", "sent": true, "error": null }],
}))]
pub(in crate::api) struct TestedMails {
    /// One for each recipient.
    results: Vec<TestedMail>,
}

/// What became of it for one recipient.
#[derive(Serialize, ToSchema)]
struct TestedMail {
    recipient: String,
    subject: String,
    sent: bool,
    error: Option<MailError>,
}

/// How alerts stand.
pub(in crate::api) fn alert_status(status: &Status) -> AlertStatus {
    AlertStatus {
        open: status.open.iter().map(open_problem).collect(),
        mail: Mails {
            configured: status.is_mailed,
            outage: status.outage.clone(),
            waiting: status.waiting.iter().map(mail).collect(),
            dead: status.dead.iter().map(mail).collect(),
        },
        refused_templates: status.refused_templates.iter().map(refused).collect(),
    }
}

/// What became of a test.
pub(in crate::api) fn tested_mails(results: Vec<TestResult>) -> TestedMails {
    let tested = |TestResult { recipient, subject, failure }| TestedMail {
        recipient,
        subject,
        sent: failure.is_none(),
        error: failure.map(|(code, message)| MailError { code: code.to_owned(), message }),
    };
    TestedMails { results: results.into_iter().map(tested).collect() }
}

fn open_problem(problem: &Problem) -> OpenProblem {
    OpenProblem {
        session: (!problem.session.is_server()).then(|| problem.session.to_string()),
        code: problem.code.clone(),
        severity: problem.severity,
        message: problem.message.clone(),
        raised_at: rfc3339(problem.raised_at_ms),
    }
}

fn mail(record: &MailRecord) -> Mail {
    let error = |(code, message): &(String, String)| MailError { code: code.clone(), message: message.clone() };
    Mail {
        id: record.mail.id.clone(),
        recipient: record.mail.recipient.clone(),
        subject: record.mail.subject.clone(),
        attempts: record.attempts,
        created_at: rfc3339(record.created_at_ms),
        due_at: (!record.is_dead).then(|| rfc3339(record.due_at_ms)),
        error: record.failure.as_ref().map(error),
    }
}

fn refused(refused: &RefusedTemplate) -> Refused {
    Refused { template: refused.name.clone(), line: refused.line, message: refused.why.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NewMail;
    use serde_json::json;

    #[test]
    fn a_mail_that_was_given_up_is_tried_no_more() {
        let mut record = MailRecord {
            mail: NewMail {
                id: "m".to_owned(),
                recipient: "ops@example.com".to_owned(),
                subject: "shop: well again".to_owned(),
                text: "the text".to_owned(),
                html: "the text".to_owned(),
            },
            is_dead: false,
            attempts: 2,
            due_at_ms: 1_000,
            created_at_ms: 0,
            failure: Some(("smtp_deferred".to_owned(), "452 full".to_owned())),
        };
        let mut expected = json!({
            "id": "m", "recipient": "ops@example.com", "subject": "shop: well again", "attempts": 2,
            "createdAt": "1970-01-01T00:00:00.000Z", "dueAt": "1970-01-01T00:00:01.000Z",
            "error": { "code": "smtp_deferred", "message": "452 full" },
        });
        assert_eq!(json!(mail(&record)), expected);
        record.is_dead = true;
        expected["dueAt"] = json!(null);
        assert_eq!(json!(mail(&record)), expected);
    }
}
