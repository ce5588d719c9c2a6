//! What the API is given, and how a handler takes just what it needs of it.

use std::{sync::Arc, time::Duration};

use axum::extract::FromRef;
use ipnet::IpNet;

use super::{
    address,
    events::Told,
    keys::Keys,
    limiter::{Limiter, Rates},
    sessions::Shelf,
};
use crate::{
    alert::Alerts,
    backup::Places,
    clock::Clock,
    config,
    event::{self, Environment, EventLog},
    health::Health,
    media::FileStore,
    outbox::Outbox,
    queue::Queue,
    session::Registry,
    shutdown::Shutdown,
    store::Store,
    telemetry::{Logs, Metrics},
    webhook::Webhooks,
};

/// The rooms that the API talks to.
#[derive(Clone)]
pub struct Rooms {
    /// The sessions.
    pub registry: Registry,
    /// Takes messages over.
    pub outbox: Outbox,
    /// What waits to be sent.
    pub queue: Queue,
    /// The database.
    pub store: Store,
    /// What happened.
    pub events: EventLog,
    /// The files that are kept.
    pub files: FileStore,
    /// Who may ask.
    pub keys: Keys,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How the parts are.
    pub health: Health,
    /// What was counted.
    pub metrics: Metrics,
    /// Where events go over HTTP.
    pub webhooks: Webhooks,
    /// What a person is told.
    pub alerts: Alerts,
    /// The settings, as they change.
    pub settings: config::LiveSettings,
    /// Which log lines are written.
    pub logs: Logs,
}

/// What the server is, and how it answers.
#[derive(Debug, Clone)]
pub struct Server {
    /// `[http]`
    pub settings: config::Http,
    /// `[rate]`, as it changes.
    pub rates: Rates,
    /// Which browser it runs: a path, or a name.
    pub browser: String,
    /// The id of this node.
    pub node: String,
    /// What a backup is made of.
    pub backup: Places,
}

/// All that handlers take from. Cheap to clone.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) rooms: Rooms,
    pub(super) facts: Arc<Facts>,
    /// How often may be asked.
    pub(super) limiter: Limiter,
    /// Events as they were told lately.
    pub(super) told: Told,
    /// Sessions as they were shown last.
    pub(super) shelf: Shelf,
    /// Streams and waits end when it begins.
    pub(super) shutdown: Shutdown,
}

/// The server, running.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) server: Server,
    /// The same in WAHA's words.
    pub(super) environment: Environment,
    /// Whose `X-Forwarded-For` is believed.
    pub(super) trusted_proxies: Vec<IpNet>,
    /// Unix time in milliseconds of its start.
    pub(super) started_at_ms: i64,
}

impl Parts {
    /// Between two signs of life on a stream of events.
    pub(super) fn stream_ping(&self) -> Duration {
        Duration::from_secs(self.facts.server.settings.stream_ping_s)
    }

    pub(super) fn new(rooms: Rooms, server: Server, shutdown: Shutdown) -> Self {
        let started_at_ms = rooms.clock.now_ms();
        let limiter = Limiter::new(rooms.queue.clone(), Arc::clone(&rooms.clock), server.rates.clone());
        let trusted_proxies = address::networks(&server.settings.trusted_proxies);
        let environment = event::environment(&server.browser, &server.node);
        Self {
            rooms,
            facts: Arc::new(Facts { server, environment, trusted_proxies, started_at_ms }),
            limiter,
            told: Told::new(),
            shelf: Shelf::default(),
            shutdown,
        }
    }
}

macro_rules! taken_from_rooms {
    ($($field:ident: $room:ty,)*) => {
        $(impl FromRef<Parts> for $room {
            fn from_ref(parts: &Parts) -> Self {
                parts.rooms.$field.clone()
            }
        })*
    };
}

taken_from_rooms! {
    registry: Registry,
    outbox: Outbox,
    queue: Queue,
    store: Store,
    events: EventLog,
    files: FileStore,
    keys: Keys,
    clock: Arc<dyn Clock>,
    health: Health,
    metrics: Metrics,
    webhooks: Webhooks,
    alerts: Alerts,
    settings: config::LiveSettings,
    logs: Logs,
}

impl FromRef<Parts> for Arc<Facts> {
    fn from_ref(parts: &Parts) -> Self {
        Arc::clone(&parts.facts)
    }
}

impl FromRef<Parts> for Shelf {
    fn from_ref(parts: &Parts) -> Self {
        parts.shelf.clone()
    }
}

impl FromRef<Parts> for Shutdown {
    fn from_ref(parts: &Parts) -> Self {
        parts.shutdown.clone()
    }
}
