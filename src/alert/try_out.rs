//! A mail of a kind, sent at once, so that an operator sees whether mails arrive.

use std::sync::atomic::Ordering;

use super::{Alerts, error::AlertError, letter, recipients, samples::samples, templates::KINDS};
use crate::{model::Language, store::NewMail};

/// Which mail to whom.
#[derive(Debug, Clone, Default)]
pub struct TestWish {
    /// A kind of [`KINDS`]; None: `disconnected`.
    pub kind: Option<String>,
    /// To whom; None: to those of the settings.
    pub recipient: Option<String>,
    /// In which language; None: in that of the settings.
    pub language: Option<Language>,
}

/// What became of it for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Why the server did not take it, by code and sentence; None: it did.
    pub failure: Option<(&'static str, String)>,
}

pub(super) async fn try_out(alerts: &Alerts, wish: &TestWish) -> Result<Vec<TestResult>, AlertError> {
    let setup = alerts.setup();
    let mailer = setup.mailer.as_ref().ok_or(AlertError::NoServer)?;
    let kind = wish.kind.as_deref().unwrap_or("disconnected");
    if !KINDS.contains(&kind) {
        return Err(AlertError::UnknownKind(kind.to_owned()));
    }
    let language = wish.language.unwrap_or(setup.alerts.language);
    let people: Vec<String> = match &wish.recipient {
        Some(address) => vec![address.clone()],
        None => recipients::all(&setup.alerts, &serde_json::Value::Null).into_iter().map(|one| one.address).collect(),
    };
    if people.is_empty() {
        return Err(AlertError::NoRecipient);
    }
    let mut letter = samples(kind, language).remove(0);
    let place = &alerts.services().place;
    letter.is_test = true;
    letter.node.clone_from(&place.node);
    letter.at = letter::date(alerts.services().clock.now_ms());
    letter.links = letter::links(&place.public_url, letter.session.as_ref());
    let mail = alerts.templates().render(&letter).map_err(|error| AlertError::Template(format!("{error:#}")))?;
    let mut results = Vec::new();
    for recipient in people {
        let mail = NewMail {
            id: super::desk::new_id(),
            recipient: recipient.clone(),
            subject: mail.subject.clone(),
            text: mail.text.clone(),
            html: mail.html.clone(),
        };
        let failure = mailer.send(&mail).await.err().map(|failure| (failure.code, failure.message));
        if failure.is_none() {
            // The server takes mails: those that wait for it need not wait longer.
            alerts.0.is_eager.store(true, Ordering::Relaxed);
            alerts.0.mails.notify_one();
        }
        results.push(TestResult { recipient, subject: mail.subject, failure });
    }
    Ok(results)
}
