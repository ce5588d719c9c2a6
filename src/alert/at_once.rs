//! Mails about what the database cannot take down: written and sent at once, to those whom the settings name, and kept nowhere.

use tracing::{error, warn};

use super::{Alerts, desk, letter::Subject, recipients};
use crate::{
    model::{Alert, SessionName},
    store::NewMail,
};

/// Sends one to each. What the server does not take now is not tried again: it is said in the log.
pub(super) async fn send(alerts: &Alerts, session: &SessionName, alert: &Alert) {
    let setup = alerts.setup();
    let Some(mailer) = &setup.mailer else { return };
    let services = alerts.services();
    let place = std::sync::Arc::new(services.place.clone());
    let subject = Subject { session: session.clone(), account: None, place, quiet_s: setup.alerts.quiet_s };
    for one in recipients::all(&setup.alerts, &serde_json::Value::Null) {
        if one.severity > alert.severity && !alert.is_resolved {
            continue;
        }
        let letter = subject.letter(alert, services.clock.now_ms(), None, one.language);
        let written = match alerts.templates().render(&letter) {
            Ok(written) => written,
            Err(error) => {
                error!(kind = letter.kind, error = format!("{error:#}"), "a mail could not be written");
                continue;
            }
        };
        let mail = NewMail {
            id: desk::new_id(),
            recipient: one.address,
            subject: written.subject,
            text: written.text,
            html: written.html,
        };
        let sent = mailer.send(&mail).await;
        let outcome = if sent.is_ok() { "sent" } else { "given_up" };
        metrics::counter!("drover_alert_mails_total", "outcome" => outcome).increment(1);
        if let Err(failure) = sent {
            warn!(
                mail = mail.id,
                code = failure.code,
                error = failure.message,
                "a mail about an alert that the database did not take down was not sent"
            );
        }
    }
}
