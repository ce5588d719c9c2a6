//! Sends the mails that wait, and tries again what the server did not take.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Alerts, backoff,
    smtp::{Fate, Mailer, NotSent},
};
use crate::{
    model::{Alert, SessionName, Severity},
    store::{MailRecord, StoreError},
};

/// The code of the alert about a mail server that takes no mails.
pub(super) const CODE: &str = "mail_unsendable";

const PAGE: u32 = 50;
/// The longest between two looks; a clock that jumped is noticed by then.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a database that does not answer is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// How long mails that were given up can be looked at.
const KEPT_MS: i64 = 30 * 86_400_000;

/// Sends mails, one after another.
pub(super) struct Postman {
    alerts: Alerts,
    /// Until when the server is left alone.
    rests_until: Option<Instant>,
}

impl Postman {
    pub(super) fn new(alerts: Alerts) -> Self {
        Self { alerts, rests_until: None }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = self.round(&stop).await.unwrap_or_else(|error| {
                warn!(%error, "mails wait for the database");
                STORE_PAUSE
            });
            tokio::select! {
                // New settings may name a server that works.
                () = self.alerts.0.mails.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Sends what is due; how long until something may be again.
    async fn round(&mut self, stop: &CancellationToken) -> Result<Duration, StoreError> {
        let Some(mailer) = self.alerts.setup().mailer.clone() else { return Ok(LONGEST) };
        let mut is_eager = self.alerts.0.is_eager.swap(false, Ordering::Relaxed);
        if is_eager {
            self.rests_until = None;
        }
        if let Some(rest) = self.rests_until.and_then(|until| until.checked_duration_since(Instant::now())) {
            if !self.is_back(&mailer).await? {
                return Ok(rest.min(LONGEST));
            }
            is_eager = true;
        }
        let (store, clock) = (self.alerts.services().store.clone(), self.alerts.services().clock.clone());
        store.alert_mails().remove_dead(clock.now_ms() - KEPT_MS).await?;
        let mut pause = LONGEST;
        for record in store.alert_mails().waiting(PAGE).await? {
            let now_ms = clock.now_ms();
            if !is_eager && !backoff::is_due(record.due_at_ms, now_ms) {
                let left = Duration::from_millis(u64::try_from(record.due_at_ms - now_ms).unwrap_or(0));
                pause = pause.min(left);
                continue;
            }
            if stop.is_cancelled() {
                break;
            }
            if let Some(rest) = self.send(&mailer, &record).await? {
                pause = pause.min(rest);
                break;
            }
        }
        Ok(pause)
    }

    /// While mails rest, one that was never tried tries whether the server takes mails again: news need not wait for the end of a rest
    /// that grew over a long outage.
    async fn is_back(&mut self, mailer: &Mailer) -> Result<bool, StoreError> {
        let waiting = self.alerts.services().store.alert_mails().waiting(PAGE).await?;
        let Some(news) = waiting.iter().find(|record| record.attempts == 0) else { return Ok(false) };
        let until = self.rests_until;
        let is_back = self.send(mailer, news).await?.is_none();
        self.rests_until = if is_back { None } else { self.rests_until.max(until) };
        Ok(is_back)
    }

    /// Sends one; for how long the others wait, too.
    async fn send(&mut self, mailer: &Mailer, record: &MailRecord) -> Result<Option<Duration>, StoreError> {
        let (services, mail) = (self.alerts.services(), &record.mail);
        let mails = services.store.alert_mails();
        let failure = match mailer.send(&mail.clone()).await {
            Ok(()) => {
                mails.sent(&mail.id).await?;
                metrics::counter!("drover_alert_mails_total", "outcome" => "sent").increment(1);
                info!(mail = mail.id, subject = mail.subject, "a mail about an alert was sent");
                self.is_well().await;
                return Ok(None);
            }
            Err(failure) => failure,
        };
        let pause_ms = match failure.fate {
            Fate::GivenUp => None,
            Fate::AllWait | Fate::Waits => backoff::pause_after(record.attempts + 1),
        };
        let due_at_ms = pause_ms.map(|ms| services.clock.now_ms() + ms);
        mails.failed(&mail.id, due_at_ms, (failure.code, &failure.message)).await?;
        let outcome = if due_at_ms.is_some() { "deferred" } else { "given_up" };
        metrics::counter!("drover_alert_mails_total", "outcome" => outcome).increment(1);
        if failure.fate == Fate::AllWait {
            self.is_out(&failure).await;
        } else if record.attempts == 0 || due_at_ms.is_none() {
            let what = if due_at_ms.is_some() { "waits" } else { "was given up" };
            warn!(
                mail = mail.id,
                code = failure.code,
                error = failure.message,
                "a mail about an alert {what}: the server does not take it"
            );
            self.is_well().await;
        }
        let rest = pause_ms.filter(|_| failure.fate == Fate::AllWait);
        let rest = rest.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        self.rests_until = rest.map(|rest| Instant::now() + rest);
        Ok(rest)
    }

    /// The server takes no mails: said once, and told by an event.
    async fn is_out(&self, failure: &NotSent) {
        let is_new = {
            let mut outage = self.alerts.0.outage.lock().unwrap_or_else(PoisonError::into_inner);
            outage.replace(failure.message.clone()).is_none()
        };
        if is_new {
            let text = format!(
                "mails about alerts cannot be sent; they are kept and tried again for a day ({}): {}",
                failure.code, failure.message
            );
            self.tell(Alert::raised(CODE, Severity::Warning, text)).await;
        }
    }

    async fn is_well(&self) {
        let was_out = self.alerts.0.outage.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        if was_out {
            self.tell(Alert::resolved(CODE, "mails about alerts are sent again")).await;
        }
    }

    async fn tell(&self, alert: Alert) {
        if let Err(error) = self.alerts.services().events.alert(&SessionName::server(), alert).await {
            error!(%error, "an alert was not stored");
        }
    }
}
