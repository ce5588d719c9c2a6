//! Alerts: which problems there are (rules over events, queues and the disk), and the mails that tell a person of them.
//!
//! ```text
//! events, store, disk ─ rules ─▶ EventLog::alert ─▶ event `alert` ─┬─▶ webhooks, streams
//!                                                                └─▶ desk ─ quiet, letter ─▶ table alert_mails ─ postman ─▶ SMTP
//! ```
//!
//! Owns the tables `alert_problems`, `alert_mails` and `alert_cursor`, the templates and the connection to the mail server. Invariants:
//! every alert becomes its mails or is counted for a digest, also over a crash (the cursor moves in the same commit); one problem is
//! mailed at most once an hour; a mail that the server took is never sent again, unless drover died before it could note that. What the
//! database cannot take down (its disk takes nothing) is mailed at once, and once, and shown by `GET /api/alerts`; it is no event, since an
//! event is a row: webhooks and streams, which go by the rows' numbers, hear nothing of it.

mod at_once;
mod backoff;
mod desk;
mod error;
mod letter;
mod postman;
mod quiet;
mod reach;
mod recipients;
mod rules;
mod samples;
mod smtp;
mod templates;
mod try_out;
mod unkept;
mod watch;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use error::AlertError;
pub use reach::{Unreachable, reach};
pub use templates::{KINDS, RefusedTemplate};
pub use try_out::{TestResult, TestWish};

use crate::{
    clock::Clock,
    config,
    event::EventLog,
    shutdown::Shutdown,
    store::{MailRecord, Problem, Store, StoreError},
};
use desk::Desk;
use postman::Postman;
use smtp::Mailer;
use templates::Templates;
use unkept::Unkept;
use watch::Watch;

/// What alerts are made of.
pub struct Services {
    /// The database.
    pub store: Store,
    /// What happened.
    pub events: EventLog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What mails call this drover, and where they lead.
    pub place: Place,
}

/// Where this drover is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The id of this node.
    pub node: String,
    /// Its address as people reach it; empty when nobody said.
    pub public_url: String,
    /// The data folder, whose disk is watched.
    pub data_dir: PathBuf,
}

/// Alerts, for whoever changes settings, tries a mail out or asks how they stand. Clones share everything.
#[derive(Clone)]
pub struct Alerts(Arc<Shared>);

struct Shared {
    services: Services,
    setup: RwLock<Arc<Setup>>,
    templates: RwLock<Arc<Templates>>,
    /// There are mails, or another way to send them.
    mails: Notify,
    /// Mails that wait are tried at once, whenever they would be due: drover was started, or the settings changed.
    is_eager: AtomicBool,
    /// Why the last mail could not be sent, since one could not.
    outage: Mutex<Option<String>>,
    /// Problems that the database did not take down.
    unkept: Unkept,
}

/// The settings in force, and what was made of them.
struct Setup {
    alerts: config::Alerts,
    /// None: no mail server is named.
    mailer: Option<Mailer>,
}

/// How alerts stand.
#[derive(Debug, Clone)]
pub struct Status {
    /// The problems that are open, oldest first; those that the database did not take down are the last.
    pub open: Vec<Problem>,
    /// Whether a mail server is named, and somebody to write to.
    pub is_mailed: bool,
    /// Mails that wait for the server.
    pub waiting: Vec<MailRecord>,
    /// Mails that were given up, newest first.
    pub dead: Vec<MailRecord>,
    /// Why the server takes none, while it does not.
    pub outage: Option<String>,
    /// Templates with an error.
    pub refused_templates: Vec<RefusedTemplate>,
}

/// The tasks behind [`Alerts`].
pub struct Office {
    alerts: Alerts,
    desk: Desk,
}

/// Opens the room. Alerts that are raised from now on are mailed, even before [`Office::run`].
///
/// # Errors
/// When the settings name a mail server that cannot be used, or the database fails.
pub async fn open(
    services: Services,
    alerts: &config::Alerts,
    smtp: &config::Smtp,
) -> Result<(Alerts, Office), AlertError> {
    let setup = Setup { alerts: alerts.clone(), mailer: Mailer::new(smtp)? };
    let heard = services.events.subscribe();
    let cursor = services.store.alerts().cursor(services.events.last_seq().await?).await?;
    let templates = Templates::load(&alerts.templates, None);
    let shared = Shared {
        services,
        setup: RwLock::new(Arc::new(setup)),
        templates: RwLock::new(Arc::new(templates)),
        mails: Notify::new(),
        is_eager: AtomicBool::new(true),
        outage: Mutex::default(),
        unkept: Unkept::default(),
    };
    let alerts = Alerts(Arc::new(shared));
    alerts.complain_of_templates(&[]);
    let desk = Desk::new(alerts.clone(), heard, cursor);
    Ok((alerts.clone(), Office { alerts, desk }))
}

impl Office {
    /// Watches, writes and sends until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = Shutdown::new();
        tasks.spawn(Watch::new(self.alerts.clone()).run(stop.clone()));
        tasks.spawn(self.desk.run(stop.clone()));
        tasks.spawn(Postman::new(self.alerts).run(stop.clone()));
        stop.cancelled().await;
        if !tasks.finish(std::time::Duration::from_secs(1)).await {
            warn!("a mail was being sent when time ran out; it may come twice");
        }
    }
}

impl Alerts {
    /// Takes other settings over.
    ///
    /// # Errors
    /// When they name a mail server that cannot be used; then the old ones stay.
    pub fn set(&self, alerts: &config::Alerts, smtp: &config::Smtp) -> Result<(), AlertError> {
        let mailer = Mailer::new(smtp)?;
        let is_moved = self.setup().alerts.templates != alerts.templates;
        let setup = Arc::new(Setup { alerts: alerts.clone(), mailer });
        *self.0.setup.write().unwrap_or_else(PoisonError::into_inner) = setup;
        if is_moved {
            self.reload_templates();
        }
        self.0.is_eager.store(true, Ordering::Relaxed);
        self.0.mails.notify_one();
        Ok(())
    }

    /// The folder whose templates replace built-in ones; empty when there is none.
    #[must_use]
    pub fn templates_folder(&self) -> PathBuf {
        self.setup().alerts.templates.clone()
    }

    /// Reads the templates anew. One with an error is refused, and the one before stays; that is said once.
    pub fn reload_templates(&self) {
        let before = self.templates();
        let loaded = Templates::load(&self.setup().alerts.templates, Some(&before));
        *self.0.templates.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        self.complain_of_templates(before.refused());
    }

    /// How alerts stand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(&self) -> Result<Status, StoreError> {
        const MOST: u32 = 100;
        let (store, setup) = (&self.0.services.store, self.setup());
        let mut open = store.alerts().open().await?;
        open.extend(self.0.unkept.all());
        Ok(Status {
            open,
            is_mailed: setup.mailer.is_some(),
            waiting: store.alert_mails().waiting(MOST).await?,
            dead: store.alert_mails().dead(MOST).await?,
            outage: self.0.outage.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            refused_templates: self.templates().refused().to_vec(),
        })
    }

    /// Sends one mail of a kind at once, with made-up content, and tells what became of it for each recipient.
    ///
    /// # Errors
    /// When nobody is named to send it to, there is no mail server, or no such kind.
    pub async fn try_out(&self, wish: &TestWish) -> Result<Vec<TestResult>, AlertError> {
        try_out::try_out(self, wish).await
    }

    fn complain_of_templates(&self, known: &[RefusedTemplate]) {
        for refused in self.templates().refused().iter().filter(|refused| !known.contains(refused)) {
            warn!(
                template = refused.name,
                line = refused.line,
                "a template was refused, the one before stays: {}",
                refused.why
            );
        }
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.0.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn templates(&self) -> Arc<Templates> {
        Arc::clone(&self.0.templates.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn services(&self) -> &Services {
        &self.0.services
    }
}
