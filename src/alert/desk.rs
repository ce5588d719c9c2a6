//! Writes the mails: for every alert in the order of the events, and for what came again, once the quiet is over.

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
    Alerts, Setup,
    letter::{self, Item, Letter, Subject},
    postman, quiet,
    recipients::{self, Recipient},
};
use crate::{
    model::{Alert, Event, EventKind, SessionName, Severity},
    store::{NewMail, Problem, StoreError, Told, Written},
};

/// How many events are read at a time.
const PAGE: u32 = 100;
/// The longest between two looks; a clock that jumped is noticed by then.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a database that does not answer is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Writes mails.
pub(super) struct Desk {
    alerts: Alerts,
    heard: Receiver<Arc<Event>>,
    /// The number of the event up to which all is written.
    cursor: i64,
    /// Whether it was said that the database does not answer.
    is_stuck: bool,
}

impl Desk {
    pub(super) fn new(alerts: Alerts, heard: Receiver<Arc<Event>>, cursor: i64) -> Self {
        Self { alerts, heard, cursor, is_stuck: false }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = match self.work().await {
                Ok(pause) => {
                    self.is_stuck = false;
                    pause
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_stuck, true) {
                        warn!(%error, "mails about alerts wait for the database");
                    }
                    STORE_PAUSE
                }
            };
            tokio::select! {
                () = self.next_alert() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Ends when there may be a new alert.
    async fn next_alert(&mut self) {
        loop {
            match self.heard.recv().await {
                Ok(event) if event.event.kind != EventKind::Alert => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Writes all that is to be written now; how long until there may be more.
    async fn work(&mut self) -> Result<Duration, StoreError> {
        loop {
            let events = self.alerts.services().events.since(self.cursor, None, &[EventKind::Alert], PAGE).await?;
            let Some(last) = events.last().map(|event| event.seq) else { break };
            for event in &events {
                let mut written = self.mails_of(event).await?;
                written.up_to_seq = Some(event.seq);
                self.put(written).await?;
            }
            self.cursor = last;
        }
        self.digest().await
    }

    async fn put(&self, written: Written) -> Result<(), StoreError> {
        let has_mails = !written.mails.is_empty();
        let services = self.alerts.services();
        services.store.alerts().write(written, services.clock.now_ms()).await?;
        if has_mails {
            self.alerts.0.mails.notify_one();
        }
        Ok(())
    }

    /// What one alert leads to.
    async fn mails_of(&self, event: &Event) -> Result<Written, StoreError> {
        let (services, setup) = (self.alerts.services(), self.alerts.setup());
        let session = &event.event.session;
        let alert: Alert = match serde_json::from_value(event.event.payload.clone()) {
            Ok(alert) => alert,
            Err(error) => {
                error!(%error, seq = event.seq, "an alert of another version of drover cannot be read; no mail tells of it");
                return Ok(Written::default());
            }
        };
        // What keeps mails from being sent is told by events alone.
        let problem = services.store.alerts().get(session, &alert.code).await?;
        let Some(problem) = problem.filter(|_| setup.mailer.is_some() && alert.code != postman::CODE) else {
            return Ok(Written::default());
        };
        let (subject, people) = self.subject(session, &setup).await?;
        // The end of a problem is told to whom the problem was told.
        let severity = if alert.is_resolved { problem.severity } else { alert.severity };
        let people: Vec<Recipient> = people.into_iter().filter(|one| one.severity <= severity).collect();
        if people.is_empty() {
            return Ok(Written::default());
        }
        let mut told = problem.told;
        let is_mailed = if alert.is_resolved {
            quiet::resolved(&mut told)
        } else {
            quiet::raised(&mut told, alert.is_notice(), services.clock.now_ms(), quiet_ms(&setup))
        };
        let lasted_ms = alert.is_resolved.then(|| event.at_ms - problem.raised_at_ms);
        let letter = |one: &Recipient| subject.letter(&alert, event.at_ms, lasted_ms, one.language);
        let mails =
            if is_mailed { people.iter().filter_map(|one| self.mail(one, &letter(one))).collect() } else { Vec::new() };
        Ok(Written { up_to_seq: None, told: vec![(session.clone(), alert.code, told)], mails })
    }

    /// One mail a person about all that came again and whose quiet is over.
    async fn digest(&self) -> Result<Duration, StoreError> {
        let (services, setup) = (self.alerts.services(), self.alerts.setup());
        let (now_ms, quiet_ms) = (services.clock.now_ms(), quiet_ms(&setup));
        if setup.mailer.is_none() {
            return Ok(LONGEST);
        }
        let (mut due, mut pause_ms) = (Vec::new(), i64::MAX);
        for problem in services.store.alerts().repeated().await? {
            let (mut told, is_open) = (problem.told, problem.resolved_at_ms.is_none());
            if quiet::digested(&mut told, is_open, now_ms, quiet_ms) {
                due.push((problem, told));
            } else if let Some(in_ms) = quiet::digest_in_ms(&told, now_ms, quiet_ms) {
                pause_ms = pause_ms.min(in_ms);
            }
        }
        if !due.is_empty() {
            let mails = self.digests(&due, now_ms, &setup).await?;
            let told = due.into_iter().map(|(problem, told)| (problem.session, problem.code, told)).collect();
            self.put(Written { up_to_seq: None, told, mails }).await?;
        }
        Ok(Duration::from_millis(u64::try_from(pause_ms).unwrap_or(0)).min(LONGEST))
    }

    async fn digests(&self, due: &[(Problem, Told)], now_ms: i64, setup: &Setup) -> Result<Vec<NewMail>, StoreError> {
        let mut people: Vec<(Recipient, Vec<Item>, Severity)> = Vec::new();
        for (problem, _) in due {
            let (_, all) = self.subject(&problem.session, setup).await?;
            for one in all.into_iter().filter(|one| one.severity <= problem.severity) {
                let item = self.item(problem, &one);
                match people.iter_mut().find(|(known, ..)| known.address == one.address) {
                    Some((_, items, severity)) => {
                        items.push(item);
                        *severity = (*severity).max(problem.severity);
                    }
                    None => people.push((one, vec![item], problem.severity)),
                }
            }
        }
        let subject = self.plain_subject(SessionName::server(), setup);
        let write = |(one, items, severity): (Recipient, Vec<Item>, Severity)| {
            self.mail(&one, &subject.digest(items, severity, now_ms, one.language))
        };
        Ok(people.into_iter().filter_map(write).collect())
    }

    fn item(&self, problem: &Problem, one: &Recipient) -> Item {
        Item {
            session: (!problem.session.is_server()).then(|| problem.session.clone()),
            code: problem.code.clone(),
            problem: self.alerts.templates().problem(&problem.code, one.language),
            repeats: problem.told.repeats,
            is_open: problem.resolved_at_ms.is_none(),
            at: letter::date(problem.raised_at_ms),
        }
    }

    /// Whom it is about, and everybody who may hear of it.
    async fn subject(&self, session: &SessionName, setup: &Setup) -> Result<(Subject, Vec<Recipient>), StoreError> {
        let record = self.alerts.services().store.sessions().get(session).await?;
        let people =
            recipients::all(&setup.alerts, record.as_ref().map_or(&serde_json::Value::Null, |record| &record.config));
        let account = record.as_ref().and_then(letter::account);
        Ok((Subject { account, ..self.plain_subject(session.clone(), setup) }, people))
    }

    fn plain_subject(&self, session: SessionName, setup: &Setup) -> Subject {
        let place = Arc::new(self.alerts.services().place.clone());
        Subject { session, account: None, place, quiet_s: setup.alerts.quiet_s }
    }

    fn mail(&self, one: &Recipient, letter: &Letter) -> Option<NewMail> {
        match self.alerts.templates().render(letter) {
            Ok(mail) => Some(NewMail {
                id: new_id(),
                recipient: one.address.clone(),
                subject: mail.subject,
                text: mail.text,
                html: mail.html,
            }),
            Err(error) => {
                error!(kind = letter.kind, error = format!("{error:#}"), "a mail could not be written");
                None
            }
        }
    }
}

fn quiet_ms(setup: &Setup) -> i64 {
    i64::try_from(setup.alerts.quiet_s.saturating_mul(1000)).unwrap_or(i64::MAX)
}

pub(super) fn new_id() -> String {
    let bytes: [u8; 12] = rand::rng().random();
    bytes.iter().fold("mail_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}
