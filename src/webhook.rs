//! Webhooks: every event of the log, persisted first, leaves over HTTP to whom a session's configuration and the settings name.
//!
//! Owns the lanes (one webhook's events of one session, in order), their cursors and what failed. Invariants: an event is
//! delivered at least once, under an id that stays the same over tries and restarts, or stands among the dead letters; a
//! lane waits for nobody else's receiver; no secret of a webhook stands in a log line or an answer.

mod attempt;
mod changes;
mod circuit;
mod cursors;
mod dispatcher;
mod form;
mod hub;
mod inbox;
mod lane;
mod reply;
mod retry;
pub mod signature;
mod target;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

pub use changes::Change;
pub use dispatcher::Dispatcher;
pub use form::{InvalidWebhook, for_readers, masked, origin_only, unmask};
use serde_json::Value;

use crate::{
    clock::Clock,
    config,
    event::{Environment, EventLog},
    model::{EventKind, SessionName},
    network,
    outbox::Outbox,
    store::{Delivery, LaneKey, Store, StoreError},
};
use attempt::AnswerLimits;
use circuit::CircuitSettings;
use form::{Form, HeaderForm, HmacForm};
use hub::{Books, Hub};
use retry::{Policy, Retries};
use target::Target;

/// Webhooks cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The global webhook cannot be used.
    #[error("the webhook of [webhooks] cannot be used: {0}")]
    Global(#[from] InvalidWebhook),
    /// TLS cannot be set up.
    #[error("webhooks cannot speak TLS: {0}")]
    Tls(#[from] reqwest::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The rooms that webhooks use.
#[derive(Clone)]
pub struct Services {
    /// The database.
    pub store: Store,
    /// What happens.
    pub events: EventLog,
    /// Takes replies over.
    pub outbox: Outbox,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// WAHA's `environment`, for the envelope.
    pub environment: Environment,
}

/// The webhooks, for whoever changes or asks for them. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    hub: Arc<Hub>,
}

/// A webhook of a session, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookView {
    /// Which, of which session.
    pub lane: LaneKey,
    /// Whether it is the one of all sessions.
    pub is_global: bool,
    /// Where to, without a password.
    pub url: String,
    /// Which events; None: all.
    pub kinds: Option<Vec<EventKind>>,
    /// The number of the last event that was delivered or given up.
    pub settled_seq: i64,
    /// How many events wait, counted up to 10,000.
    pub backlog: i64,
    /// Until when nothing is tried, in Unix milliseconds, after failures in a row.
    pub circuit_open_until_ms: Option<i64>,
}

/// Sets webhooks up: the handle, and the dispatcher that somebody has to run. Events from now on are delivered.
///
/// # Errors
/// When the global webhook cannot be used, or the database does not answer.
pub async fn open(
    services: Services,
    settings: &config::Webhooks,
    network: &config::Network,
) -> Result<(Webhooks, Dispatcher), SetUpError> {
    let receiver = settings.receiver;
    let timeout = Duration::from_secs(receiver.timeout_s);
    let options = network::ClientOptions { connect_timeout: timeout, redirects: 0, idle_per_host: receiver.per_host };
    let client = network::Client::new(network, &options)?;
    let usual = Retries {
        policy: match settings.retry_policy.as_str() {
            "linear" => Policy::Linear,
            "exponential" => Policy::Exponential,
            _ => Policy::Constant,
        },
        delay_ms: i64::from(settings.retry_delay_s) * 1_000,
        attempts: settings.attempts,
    };
    let global = match global_form(settings) {
        Some(form) => Target::all(None, vec![form.checked(usual, &client)?]),
        None => Vec::new(),
    };
    // Listening begins before the number is read: what happens in between is heard, and skipped if it was read too.
    let live = services.events.subscribe();
    let started_seq = services.events.last_seq().await?;
    let hub = Arc::new(Hub {
        store: services.store,
        events: services.events,
        outbox: services.outbox,
        clock: services.clock,
        client,
        environment: services.environment,
        limits: AnswerLimits { timeout, bytes: receiver.answer_limit_bytes },
        circuits: CircuitSettings {
            failures: receiver.circuit_failures,
            open_ms: i64::from(receiver.circuit_open_s) * 1_000,
        },
        per_host: receiver.per_host,
        usual,
        global,
        cursors: cursors::Cursors::default(),
        changes: changes::Changes::default(),
        books: Books::default(),
    });
    let dispatcher = Dispatcher::new(Arc::clone(&hub), live, started_seq);
    Ok((Webhooks { hub }, dispatcher))
}

/// The webhook of the settings, in the shape that a session's have.
fn global_form(settings: &config::Webhooks) -> Option<Form> {
    if settings.url.is_empty() {
        return None;
    }
    // WAHA separates by commas.
    let events = settings.events.iter().flat_map(|names| names.split(',')).filter(|name| !name.is_empty());
    let pairs = settings.custom_headers.split(';').filter(|pair| !pair.trim().is_empty());
    let headers = pairs.map(|pair| {
        let (name, value) = pair.split_once(':').unwrap_or((pair, ""));
        HeaderForm { name: name.to_owned(), value: value.to_owned() }
    });
    Some(Form {
        url: settings.url.clone(),
        events: events.map(str::to_owned).collect(),
        hmac: Some(HmacForm { key: Some(settings.hmac_key.clone()) }),
        retries: None,
        custom_headers: Some(headers.collect()),
    })
}

impl Webhooks {
    /// Whether a session's `config` has webhooks that can be used.
    ///
    /// # Errors
    /// When it has one that cannot.
    pub fn check(&self, config: &Value) -> Result<(), InvalidWebhook> {
        form::read(config, self.hub.usual, &self.hub.client).map(drop)
    }

    /// A session is about to be made, changed or deleted: its webhooks follow when the change is dropped.
    pub fn change(&self, session: &SessionName) -> Change {
        Change::begin(Arc::clone(&self.hub), session.clone())
    }

    /// As [`Self::change`], to this `config`: what happens from now on is delivered to the webhooks in it. A `config` that cannot
    /// be used prepares none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prepare(&self, session: &SessionName, config: &Value) -> Result<Change, StoreError> {
        let change = self.change(session);
        let list = form::read(config, self.hub.usual, &self.hub.client).unwrap_or_default();
        let last_seq = self.hub.events.last_seq().await?;
        let own = Target::all(Some(session), list);
        let lanes = own.iter().chain(&self.hub.global).map(|target| {
            let lane = LaneKey { webhook: target.id.clone(), session: session.clone() };
            (lane, last_seq)
        });
        self.hub.store.webhooks().open(lanes.collect()).await?;
        Ok(change)
    }

    /// The webhooks of one session or all, as they stand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, session: Option<&SessionName>) -> Result<Vec<WebhookView>, StoreError> {
        let mut views = Vec::new();
        for (lane, status) in self.hub.lanes() {
            if session.is_some_and(|session| *session != lane.session) {
                continue;
            }
            let target = &status.target;
            views.push(WebhookView {
                is_global: target.owner.is_none(),
                url: form::without_password(target.settings.url.as_str()),
                kinds: target.settings.kinds.clone(),
                settled_seq: status.signal.settled_seq.load(std::sync::atomic::Ordering::Relaxed),
                backlog: dispatcher::backlog(&self.hub, &lane, &status).await?,
                circuit_open_until_ms: self.hub.circuit(target).open_until_ms(),
                lane,
            });
        }
        Ok(views)
    }

    /// The sessions of which events may still wait for a webhook, each with the number of the last that waits for none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self) -> Result<HashMap<SessionName, i64>, StoreError> {
        let running = self.hub.lanes().into_iter();
        let idle: HashSet<LaneKey> =
            running.filter(|(_, status)| status.signal.is_idle()).map(|(key, _)| key).collect();
        let mut waiting = HashMap::new();
        // What runs nowhere yet counts by its stored cursor.
        for (key, cursor) in self.hub.store.webhooks().list().await? {
            if !idle.contains(&key) {
                let seq = waiting.entry(key.session).or_insert(cursor);
                *seq = cursor.min(*seq);
            }
        }
        Ok(waiting)
    }

    /// The dead letters of one session or all, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead(&self, session: Option<&SessionName>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.hub.store.deliveries().dead(session, limit).await
    }

    /// A delivery that failed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery(&self, id: &str) -> Result<Option<Delivery>, StoreError> {
        self.hub.store.deliveries().get(id).await
    }

    /// Tries a dead letter again, under the same id; false when its webhook is gone, or it is no dead letter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        let lanes = self.hub.lanes();
        let Some((_, status)) = lanes.iter().find(|(lane, _)| *lane == delivery.lane) else { return Ok(false) };
        if !self.hub.store.deliveries().revive(&delivery.id, self.hub.clock.now_ms()).await? {
            return Ok(false);
        }
        status.signal.set_revived();
        Ok(true)
    }

    /// Removes a dead letter; false when it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_dead(&self, id: &str) -> Result<bool, StoreError> {
        self.hub.store.deliveries().delete_dead(id).await
    }
}
