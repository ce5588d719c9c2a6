//! The composition root: builds the rooms, wires them, runs them, and ends them in order. The only place that names
//! concrete types from everywhere.
//!
//! Order of a start: port, data folder, what a killed drover left behind, database, Redis, sessions, API. From the port on a
//! doorman answers, so that a start that waits for the data folder does not look dead. Order of an end,
//! within `shutdown.grace_s` and five seconds more: API, senders, browsers, Redis, database, data folder. A start that
//! fails half-way ends what it had begun in the same order.

mod clock_watch;
mod data_folder;
mod live;
mod lock_wait;
mod signals;

use std::{
    collections::HashSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    alert, api,
    backup::Places,
    browser::{self, ChromiumLauncher},
    clock::{Clock, SystemClock},
    config::{Config, LiveSettings, Loaded, Sources},
    event::{self, EventLog, Relay},
    health::{self, Health},
    host::{self, allocator, thrift},
    media::{Fetcher, FileStore, Janitor},
    model::SessionName,
    outbox::{Inlet, Outbox, Reconciler},
    queue::Queue,
    redis::Connections,
    retention::Sweeper,
    session::{self, Files, Registry, Services, Settings},
    shutdown::Shutdown,
    store::{Store, sqlite_url},
    telemetry::{Logs, Metrics},
    webhook,
};

use data_folder::DataFolder;
use live::{Live, LiveBridge};
use signals::Signals;

/// What a person is told once drover runs.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where the API listens.
    pub address: SocketAddr,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The file with the admin key; None when the key was given by a setting.
    pub key_file: Option<PathBuf>,
}

/// What drover was started with.
pub struct Start {
    /// The settings.
    pub loaded: Loaded,
    /// Where they come from: what changes in the file while drover runs is taken over where that is possible.
    pub sources: Sources,
    /// The log lines that are being written.
    pub logs: Logs,
}

/// What must be done before any thread is started, the runtime's too.
pub fn before_threads() {
    allocator::keep_small();
}

/// Runs drover until it is told to end (SIGTERM, SIGINT). `ready` is called once it serves.
///
/// # Errors
/// When it cannot start: one error that says what to do; nothing is left running then.
pub async fn run(start: Start, ready: impl FnOnce(&Started)) -> anyhow::Result<()> {
    // An error means that a provider is installed already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    host::become_subreaper().context("this kernel refuses PR_SET_CHILD_SUBREAPER")?;
    let mut signals = Signals::listen()?;
    let config = &start.loaded.config;
    let listener = api::bind(&config.http).await?;
    let doorman = api::Doorman::stand_at(&listener).context("the port cannot be answered on")?;
    let folder = tokio::select! {
        folder = lock_wait::open(&config.data, &doorman) => folder?,
        signal = signals.next() => {
            info!(signal, "ended before it had the data folder");
            doorman.leave().await;
            return Ok(());
        }
    };
    let result = run_on(&start, &folder, Door { listener, doorman }, &mut signals, ready).await;
    folder.release();
    result
}

/// Where requests come in, and who answers them until the API does.
struct Door {
    listener: tokio::net::TcpListener,
    doorman: api::Doorman,
}

async fn run_on(
    start: &Start,
    folder: &DataFolder,
    door: Door,
    signals: &mut Signals,
    ready: impl FnOnce(&Started),
) -> anyhow::Result<()> {
    let Door { listener, doorman } = door;
    let config = &start.loaded.config;
    let address = listener.local_addr().context("the listener has no address")?;
    let profiles = folder.path().join("profiles");
    browser::end_orphans(&profiles).await.with_context(|| format!("{} cannot be read", profiles.display()))?;
    let store = Store::open(&database_url(config, folder.path())).await?;
    let connections = match Connections::open(&config.redis, folder.path()).await {
        Ok(connections) => connections,
        Err(error) => {
            store.close().await;
            return Err(error.into());
        }
    };
    let places = backup_places(config, &start.sources, folder.path());
    let result = match Daemon::build(start, places, &store, &connections).await {
        Ok(daemon) => {
            let key_file = daemon.key_file.clone();
            doorman.leave().await;
            ready(&Started { address, data_dir: folder.path().to_owned(), key_file });
            daemon.serve(start, listener, signals).await
        }
        Err(error) => Err(error),
    };
    connections.close().await;
    store.close().await;
    result
}

/// Makes the data folder where it is not there, for commands that work without a running daemon.
///
/// # Errors
/// When it cannot be made; the text says what to do.
pub fn make_data_dir(path: &Path) -> anyhow::Result<()> {
    Ok(data_folder::make(path)?)
}

/// A data folder that no drover has until this is released, for commands that work on it without one.
pub struct HeldFolder(DataFolder);

impl HeldFolder {
    /// Where it is, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Lets it go.
    pub fn release(self) {
        self.0.release();
    }
}

/// Takes a data folder that is there.
///
/// # Errors
/// When it is not there, another drover has it, or it cannot be written to; the text says what to do.
pub fn hold_data_dir(path: &Path) -> anyhow::Result<HeldFolder> {
    if !path.is_dir() {
        anyhow::bail!("there is no data folder {}: set DROVER_DATA_DIR to the one that is meant", path.display());
    }
    Ok(HeldFolder(DataFolder::open(path)?))
}

/// What a backup of the drover with these settings is made of.
#[must_use]
pub fn backup_places(config: &Config, sources: &Sources, data_dir: &Path) -> Places {
    let settings = vec![sources.path().to_owned(), sources.variables_path()];
    Places { data_dir: data_dir.to_owned(), database_url: database_url(config, data_dir), settings }
}

/// The address of the configured database: that of the settings, else a SQLite file in the data folder.
#[must_use]
pub fn database_url(config: &Config, data_dir: &Path) -> String {
    if config.database.url.is_empty() { sqlite_url(&data_dir.join("drover.db")) } else { config.database.url.clone() }
}

/// The rooms, wired.
struct Daemon {
    registry: Registry,
    launcher: ChromiumLauncher,
    senders: Shutdown,
    api: api::Rooms,
    server: api::Server,
    key_file: Option<PathBuf>,
    /// The tasks that belong to no session.
    background: Shutdown,
    reconciler: Reconciler,
    inlet: Inlet,
    dispatcher: webhook::Dispatcher,
    janitor: Janitor,
    sweeper: Sweeper,
    /// None: no stream is wanted.
    relay: Option<Relay>,
    office: alert::Office,
}

impl Daemon {
    async fn build(start: &Start, places: Places, store: &Store, connections: &Connections) -> anyhow::Result<Self> {
        let data_dir = places.data_dir.as_path();
        // First, so that nothing is counted before.
        let metrics = Metrics::install().context("metrics cannot be kept")?;
        let config = &start.loaded.config;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let keys = api::Keys::open(store.clone(), &config.http, data_dir, Arc::clone(&clock)).await?;
        let queue = Queue::new(connections, config.queue.clone(), config.limits, Arc::clone(&clock));
        let events = EventLog::new(store.clone(), Arc::clone(&clock));
        let outbox = Outbox::new(store.clone(), queue.clone(), config.limits, Arc::clone(&clock));
        let interval = Duration::from_secs(config.queue.reconcile_s);
        let reconciler = Reconciler::new(store.clone(), queue.clone(), events.clone(), Arc::clone(&clock), interval);
        let launcher = ChromiumLauncher::new(config.browser.clone())?;
        let browser = browser_name(&launcher, config);
        let node = node_id();
        let services = webhook::Services {
            store: store.clone(),
            events: events.clone(),
            outbox: outbox.clone(),
            clock: Arc::clone(&clock),
            environment: event::environment(&browser, &node),
        };
        let relay = open_relay(&services, connections, config.events.stream_length);
        // Before the sessions, whose first events are delivered, too.
        let (webhooks, dispatcher) = webhook::open(services, &config.webhooks, &config.network).await?;
        let (alerts, office) = open_alerts((store, &events), &clock, (config, data_dir, &node)).await?;
        let senders = Shutdown::new();
        let (files, janitor) = open_files(config, data_dir, (store, &clock)).await?;
        let registry = Registry::open(Services {
            store: store.clone(),
            events: events.clone(),
            queue: queue.clone(),
            outbox: outbox.clone(),
            files: files.clone(),
            launcher: Arc::new(launcher.clone()),
            clock: Arc::clone(&clock),
            settings: session_settings(config, data_dir),
            senders: senders.clone(),
        })
        .await?;
        let sweeper = Sweeper::new(store.clone(), webhooks.clone(), Arc::clone(&clock), config.retention.clone());
        let health = Health::new(health_sources(data_dir, &launcher, &registry, (store, &queue)), thresholds(config));
        let key_file = keys.file().map(Path::to_owned);
        let inlet = Inlet::new(outbox.clone(), consumer_name(data_dir));
        let api = api::Rooms {
            registry: registry.clone(),
            outbox,
            queue,
            store: store.clone(),
            events,
            files: files.store,
            keys,
            clock,
            health,
            metrics,
            webhooks,
            alerts,
            settings: LiveSettings::new(start.loaded.settings.clone()),
            logs: start.logs.clone(),
        };
        let server = api_server(config, (browser, node), places.clone());
        Ok(Self {
            registry,
            launcher,
            senders,
            api,
            server,
            key_file,
            background: Shutdown::new(),
            reconciler,
            inlet,
            dispatcher,
            janitor,
            sweeper,
            relay,
            office,
        })
    }

    /// Takes over what changes while drover runs.
    fn live(&self, start: &Start) -> Live {
        let bridge = LiveBridge {
            path: PathBuf::from(&start.loaded.config.browser.bridge),
            registry: self.registry.clone(),
            launcher: self.launcher.clone(),
            events: self.api.events.clone(),
            is_refused: false,
        };
        Live {
            sources: start.sources.clone(),
            settings: self.api.settings.clone(),
            logs: start.logs.clone(),
            clock: Arc::clone(&self.api.clock),
            queue: self.api.queue.clone(),
            outbox: self.api.outbox.clone(),
            rates: self.server.rates.clone(),
            alerts: self.api.alerts.clone(),
            bridge,
        }
    }

    async fn serve(
        self,
        start: &Start,
        listener: tokio::net::TcpListener,
        signals: &mut Signals,
    ) -> anyhow::Result<()> {
        let config = &start.loaded.config;
        let stop_background = CancellationToken::new();
        let hangup = signals.take_hangup().context("SIGHUP is listened to already")?;
        self.background.spawn(self.live(start).run(hangup, stop_background.clone()));
        let forgetting = self.api.metrics.clone().forget_gone(names_of(&self.registry), stop_background.clone());
        self.background.spawn(forgetting);
        let (clock, queue) = (Arc::clone(&self.api.clock), self.api.queue.clone());
        self.background.spawn(clock_watch::watch(clock, queue, stop_background.clone()));
        let (intake, stop_intake) = (Shutdown::new(), CancellationToken::new());
        intake.spawn(self.inlet.run(stop_intake.clone()));
        self.background.spawn(self.reconciler.run(stop_background.clone()));
        self.background.spawn(self.dispatcher.run(stop_background.clone()));
        self.background.spawn(self.janitor.run(stop_background.clone()));
        self.background.spawn(self.sweeper.run(stop_background.clone()));
        if let Some(relay) = self.relay {
            self.background.spawn(relay.run(stop_background.clone()));
        }
        self.background.spawn(self.office.run(stop_background.clone()));
        self.background.spawn(self.api.metrics.clone().keep_settled(stop_background.clone()));
        self.background.spawn(thrift::keep_giving_back(stop_background.clone()));
        let events = self.api.events.clone();
        let api_shutdown = Shutdown::new();
        let mut server = api_shutdown.spawn(api::serve(listener, self.api, self.server, api_shutdown.clone()));
        let result = tokio::select! {
            signal = signals.next() => {
                info!(signal, "ending: API, senders, browsers, Redis, database");
                Ok(())
            }
            served = &mut server => served.context("the API's task died"),
        };
        let deadline = Instant::now() + Duration::from_secs(config.shutdown.grace_s);
        let senders = self.senders.clone();
        senders.set_deadline(deadline);
        let (registry, launcher) = (self.registry, self.launcher);
        let end = async {
            stop_intake.cancel();
            if !api_shutdown.finish(Duration::from_secs(1)).await {
                warn!("a request was cut off");
            }
            if !intake.finish(Duration::from_secs(1)).await {
                warn!("entries of the inlet were cut off; the next start reads them again");
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let senders_grace = left.saturating_sub(session::LEAST_CLOSE_GRACE);
            registry.close(senders_grace.max(Duration::from_secs(1))).await;
            launcher.wait_ended().await;
        };
        tokio::pin!(end);
        tokio::select! {
            () = &mut end => {}
            signal = signals.next() => {
                warn!(signal, "told again: hurrying");
                senders.hurry();
                end.await;
            }
        }
        stop_background.cancel();
        if !self.background.finish(Duration::from_secs(2)).await {
            warn!("a background task did not end");
        }
        events.close().await;
        info!("ended");
        result
    }
}

/// None: no stream is wanted.
fn open_relay(services: &webhook::Services, connections: &Connections, length: u32) -> Option<Relay> {
    (length > 0).then(|| Relay::new(services.events.clone(), connections, length, services.environment.clone()))
}

/// The folder of files, what fetches into it and what keeps it small.
async fn open_files(
    config: &Config,
    data_dir: &Path,
    (store, clock): (&Store, &Arc<dyn Clock>),
) -> anyhow::Result<(Files, Janitor)> {
    let store = FileStore::open(data_dir, &config.media, store.clone(), Arc::clone(clock)).await?;
    let fetcher = Fetcher::new(&config.media, &config.network, &store).context("files cannot be fetched")?;
    let janitor = Janitor::new(store.clone(), config.retention.clone());
    Ok((Files { store, fetcher }, janitor))
}

/// What the API tells of this process, and its limits.
fn api_server(config: &Config, (browser, node): (String, String), backup: Places) -> api::Server {
    api::Server { settings: config.http.clone(), rates: api::Rates::new(config.rate), browser, node, backup }
}

/// Alerts, as the settings say.
async fn open_alerts(
    (store, events): (&Store, &EventLog),
    clock: &Arc<dyn Clock>,
    (config, data_dir, node): (&Config, &Path, &str),
) -> Result<(alert::Alerts, alert::Office), alert::AlertError> {
    let place = alert::Place {
        node: node.to_owned(),
        public_url: config.http.public_url.clone(),
        data_dir: data_dir.to_owned(),
    };
    let services = alert::Services { store: store.clone(), events: events.clone(), clock: Arc::clone(clock), place };
    alert::open(services, &config.alerts, &config.smtp).await
}

/// Which browser it runs; the kind that is preferred while there is none.
fn browser_name(launcher: &ChromiumLauncher, config: &Config) -> String {
    match launcher.search().find() {
        Ok(executable) => executable.path.display().to_string(),
        Err(error) => {
            warn!(%error, "no session can be started until there is a Chromium");
            config.browser.prefer.clone()
        }
    }
}

/// The names that a metric's label may have: of the sessions there are, and of drover itself.
fn names_of(registry: &Registry) -> impl Fn() -> HashSet<String> + Send + use<> {
    let registry = registry.clone();
    move || {
        let mut names = HashSet::from([SessionName::server().to_string()]);
        registry.visit(|view, _| {
            names.insert(view.name.to_string());
        });
        names
    }
}

fn health_sources(
    data_dir: &Path,
    launcher: &ChromiumLauncher,
    registry: &Registry,
    (store, queue): (&Store, &Queue),
) -> health::Sources {
    health::Sources {
        store: store.clone(),
        queue: queue.clone(),
        registry: registry.clone(),
        search: launcher.search().clone(),
        data_dir: data_dir.to_owned(),
        clock: Arc::new(SystemClock),
    }
}

/// From when on a part counts as degraded.
fn thresholds(config: &Config) -> health::Thresholds {
    let memory_mb = config.admission.memory_per_start_mb.saturating_add(config.admission.memory_reserve_mb);
    health::Thresholds { health: config.health, memory_bytes: memory_mb.saturating_mul(1 << 20) }
}

/// The node's id: the machine's name, which a container's platform chooses.
fn node_id() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "drover".to_owned() } else { name.trim().to_owned() }
}

/// Who reads the inlet: the same after a restart, and nobody else, since one drover at a time has a data folder.
fn consumer_name(data_dir: &Path) -> String {
    let folder = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let folder: String = folder.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{folder}", node_id())
}

fn session_settings(config: &Config, data_dir: &Path) -> Settings {
    Settings {
        keepalive: config.keepalive.clone(),
        quality: config.quality,
        queue: config.queue.clone(),
        browser: config.browser.clone(),
        admission: config.admission.clone(),
        memory: config.memory.clone(),
        typing: config.typing,
        inbound: config.inbound.clone(),
        media: config.media.clone(),
        data_dir: data_dir.to_owned(),
    }
}
