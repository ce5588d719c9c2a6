//! A page that does what the test says: for the paths that a real browser takes only when something breaks at the right
//! moment. What it is told is kept; what it answers is scripted.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use drover::{
    clock::SystemClock,
    config,
    event::EventLog,
    media::{Fetcher, FileStore},
    model::{
        Ack, ChatId, Content, EventKind, MessageId, MessageKey, MessageState, OutboundMessage, PhoneNumber, SessionName,
    },
    outbox::{AcceptOptions, AcceptRequest, Outbox, Reconciler},
    page::{
        Checked, Found, LaunchError, LaunchRequest, Launched, PageError, PageEvent, PageLauncher, Prepared, Probe,
        SendOutcome, SendRequest, Snapshot, SocketState, StreamMode, WhatsAppPage,
    },
    queue::Queue,
    redis::Connections,
    session::{Files, Registry, Services, Settings},
    shutdown::Shutdown,
    store::{Store, sqlite_url},
};
use tokio::sync::mpsc;

/// What happened to the page, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    LookUp(Vec<String>),
    Send(String),
    Resend(String),
}

/// What the keepalive did to the page, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stir {
    Touch,
    Available(bool),
    Reload,
}

/// What all pages of a test share: the script and the record.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) told: Mutex<Vec<Told>>,
    pub(crate) stirred: Mutex<Vec<Stir>>,
    /// What `snapshot` answers; None is a page that hangs.
    pub(crate) snapshot: Mutex<Option<Snapshot>>,
    /// When `snapshot` was called.
    pub(crate) looked_at: Mutex<Vec<Instant>>,
    /// Chats whose number WhatsApp was asked for.
    pub(crate) asked: Mutex<Vec<String>>,
    /// Answers of `send` and `resend`, one after another; then `Sent`.
    pub(crate) outcomes: Mutex<VecDeque<SendOutcome>>,
    /// A text that is in each message with this outcome, however often it is tried.
    pub(crate) withheld: Mutex<Option<(String, SendOutcome)>>,
    /// What the page's database holds, by key.
    pub(crate) database: Mutex<HashMap<String, Found>>,
    /// Numbers without WhatsApp.
    pub(crate) strangers: Mutex<Vec<String>>,
    /// Attempts that were not committed when the page was told.
    pub(crate) uncommitted: AtomicUsize,
    pub(crate) launches: AtomicUsize,
    pub(crate) ended: AtomicUsize,
    /// Pages that are letting go of memory; each does until nobody waits for it.
    pub(crate) letting_go: AtomicUsize,
    /// Held by a test while no browser shall end.
    pub(crate) closing: tokio::sync::Mutex<()>,
    store: Mutex<Option<Store>>,
    events: Mutex<Option<mpsc::Sender<PageEvent>>>,
}

impl Script {
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn stirred(&self) -> Vec<Stir> {
        self.stirred.lock().unwrap().clone()
    }

    /// The live page says something.
    pub(crate) async fn say(&self, event: PageEvent) {
        let sender = self.events.lock().unwrap().clone().expect("a page lives");
        sender.send(event).await.expect("somebody listens");
    }

    async fn outcome(&self, key: &MessageKey, told: Told) -> SendOutcome {
        let store = self.store.lock().unwrap().clone().expect("a store");
        let message = store.messages().get(&key.id().parse().unwrap()).await.unwrap().expect("a row");
        if message.progress.attempts.last().is_none_or(|attempt| attempt.key != *key) {
            self.uncommitted.fetch_add(1, Ordering::SeqCst);
        }
        self.told.lock().unwrap().push(told);
        self.outcomes.lock().unwrap().pop_front().unwrap_or(SendOutcome::Sent { ack: Ack::SERVER })
    }
}

pub(crate) struct ScriptedLauncher(pub(crate) Arc<Script>);

#[async_trait]
impl PageLauncher for ScriptedLauncher {
    async fn wait_given_up(&self, _profile: &Path) {}

    async fn launch(&self, _request: LaunchRequest) -> Result<Launched, LaunchError> {
        self.0.launches.fetch_add(1, Ordering::SeqCst);
        let (sender, events) = mpsc::channel(16);
        sender.send(PageEvent::Attached(Probe::default())).await.expect("it was just made");
        sender.send(PageEvent::Status(ready())).await.expect("it was just made");
        *self.0.events.lock().unwrap() = Some(sender);
        Ok(Launched { page: Arc::new(ScriptedPage(Arc::clone(&self.0))), events, process_group: 0 })
    }
}

pub(crate) fn ready() -> Snapshot {
    Snapshot {
        state: SocketState::Connected,
        stream_connected: true,
        has_synced: true,
        mode: StreamMode::Main,
        registered: true,
        ..Snapshot::default()
    }
}

struct ScriptedPage(Arc<Script>);

#[async_trait]
impl WhatsAppPage for ScriptedPage {
    async fn snapshot(&self) -> Result<Snapshot, PageError> {
        self.0.looked_at.lock().unwrap().push(Instant::now());
        let answer = self.0.snapshot.lock().unwrap().clone();
        match answer {
            Some(snapshot) => Ok(snapshot),
            None => std::future::pending().await,
        }
    }

    async fn refresh_qr(&self) -> Result<(), PageError> {
        Ok(())
    }

    async fn request_pairing_code(&self, _phone: &PhoneNumber) -> Result<String, PageError> {
        Ok("ABCD1234".to_owned())
    }

    /// As in a migrated account: the chat is known by a LID.
    async fn prepare(&self, chat: &ChatId, id: &MessageId, known_as: Option<&ChatId>) -> Result<Prepared, PageError> {
        if known_as.is_none() {
            self.0.asked.lock().unwrap().push(chat.to_string());
        }
        let key = format!("true_9{}@lid_{id}", chat.user()).parse().expect("a key");
        let on_whatsapp = !self.0.strangers.lock().unwrap().contains(&chat.to_string());
        let there = on_whatsapp.then(|| chat.clone());
        let checked = known_as.is_none().then_some(Checked { chat: there });
        Ok(Prepared { key, on_whatsapp, checked })
    }

    async fn look_up(&self, keys: &[MessageKey]) -> Result<Option<Found>, PageError> {
        self.0.told.lock().unwrap().push(Told::LookUp(keys.iter().map(ToString::to_string).collect()));
        let database = self.0.database.lock().unwrap();
        Ok(keys.iter().find_map(|key| database.get(key.as_str()).cloned()))
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        let outcome = self.0.outcome(&request.key, Told::Send(request.key.to_string())).await;
        let body = if let Content::Text(text) = &request.content { text.body.as_str() } else { "" };
        let withheld = self.0.withheld.lock().unwrap().clone();
        withheld.filter(|(text, _)| body.contains(text)).map_or(outcome, |(_, withheld)| withheld)
    }

    async fn resend(&self, key: &MessageKey, _wait: Duration) -> SendOutcome {
        self.0.outcome(key, Told::Resend(key.to_string())).await
    }

    async fn check_number(&self, _phone: &PhoneNumber) -> Result<Option<ChatId>, PageError> {
        Ok(None)
    }

    async fn log_out(&self) -> Result<(), PageError> {
        Ok(())
    }

    async fn reload(&self) -> Result<(), PageError> {
        self.0.stirred.lock().unwrap().push(Stir::Reload);
        self.0.say(PageEvent::Attached(Probe::default())).await;
        self.0.say(PageEvent::Status(ready())).await;
        Ok(())
    }

    async fn touch(&self) -> Result<(), PageError> {
        self.0.stirred.lock().unwrap().push(Stir::Touch);
        Ok(())
    }

    async fn set_available(&self, available: bool) -> Result<(), PageError> {
        self.0.stirred.lock().unwrap().push(Stir::Available(available));
        Ok(())
    }

    async fn let_go(&self) -> Result<(), PageError> {
        struct LettingGo<'a>(&'a AtomicUsize);
        impl Drop for LettingGo<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.0.letting_go.fetch_add(1, Ordering::SeqCst);
        let _letting_go = LettingGo(&self.0.letting_go);
        std::future::pending().await
    }

    async fn screenshot(&self) -> Result<Vec<u8>, PageError> {
        Ok(Vec::new())
    }

    async fn replace_bridge(&self, _source: &str) -> Result<Probe, PageError> {
        Ok(Probe::default())
    }

    async fn close(&self, _grace: Duration) {
        let _may_end = self.0.closing.lock().await;
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }

    async fn kill(&self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// A whole drover but for the API, with a scripted page.
pub(crate) struct Bench {
    pub(crate) script: Arc<Script>,
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) registry: Registry,
    pub(crate) session: SessionName,
    pub(crate) queue: Queue,
    connections: Connections,
    background: Shutdown,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn start(change: impl FnOnce(&mut config::Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config::load(&config::Sources::of(folder.path(), &[])).expect("the defaults").config;
        config.limits.per_minute = 10_000;
        config.limits.burst = 10_000;
        config.limits.per_hour = 100_000;
        config.limits.per_recipient_per_minute = 10_000;
        config.limits.daily_young = 0;
        config.limits.gap_ms = 0;
        config.limits.gap_jitter_ms = 0;
        config.queue.backoff_s = 0;
        config.keepalive.backoff_s = 0;
        change(&mut config);
        Self::with(config, folder).await
    }

    async fn with(config: config::Config, folder: tempfile::TempDir) -> Self {
        let script = Arc::new(Script::default());
        *script.snapshot.lock().unwrap() = Some(ready());
        let clock = Arc::new(SystemClock);
        let store = Store::open(&sqlite_url(&folder.path().join("drover.db"))).await.unwrap();
        *script.store.lock().unwrap() = Some(store.clone());
        let connections = Connections::open(&config.redis, folder.path()).await.unwrap();
        let queue = Queue::new(&connections, config.queue.clone(), config.limits, clock.clone());
        let events = EventLog::new(store.clone(), clock.clone());
        let background = Shutdown::new();
        let reconciler =
            Reconciler::new(store.clone(), queue.clone(), events.clone(), clock.clone(), Duration::from_secs(60));
        let stop = tokio_util::sync::CancellationToken::new();
        let (ending, stopping) = (background.clone(), stop.clone());
        background.spawn(reconciler.run(stop));
        background.spawn(async move {
            ending.begun().await;
            stopping.cancel();
        });
        let files = FileStore::open(folder.path(), &config.media, store.clone(), clock.clone()).await.unwrap();
        // An error means that another test of this process installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fetcher = Fetcher::new(&config.media, &config.network, &files).unwrap();
        let outbox = Outbox::new(store.clone(), queue.clone(), config.limits, clock.clone());
        let services = Services {
            store: store.clone(),
            events,
            queue: queue.clone(),
            outbox: outbox.clone(),
            files: Files { store: files, fetcher },
            launcher: Arc::new(ScriptedLauncher(Arc::clone(&script))),
            clock,
            settings: settings(&config, folder.path()),
            senders: Shutdown::new(),
        };
        let registry = Registry::open(services).await.unwrap();
        let session: SessionName = "main".parse().unwrap();
        Self { script, store, outbox, registry, session, queue, connections, background, _folder: folder }
    }

    pub(crate) async fn accept(&self, text: &str) -> OutboundMessage {
        self.accept_with(text, |_| {}).await
    }

    pub(crate) async fn accept_with(&self, text: &str, change: impl FnOnce(&mut AcceptRequest)) -> OutboundMessage {
        let mut request = AcceptRequest {
            session: self.session.clone(),
            chat: "15557770000".to_owned(),
            content: Content::text(text),
            schedule: Default::default(),
            options: AcceptOptions { allow_duplicate: true, ..AcceptOptions::default() },
        };
        change(&mut request);
        self.outbox.accept(request, "test").await.expect("it is accepted").message
    }

    /// The payloads of the events of a kind so far.
    pub(crate) async fn told(&self, kind: EventKind) -> Vec<serde_json::Value> {
        let events = self.store.events().since(0, Some(&self.session), &[kind], 100).await.unwrap();
        events.into_iter().map(|event| event.event.payload).collect()
    }

    pub(crate) async fn message(&self, id: &MessageId) -> OutboundMessage {
        self.store.messages().get(id).await.unwrap().expect("a row")
    }

    pub(crate) async fn until_state(&self, id: &MessageId, state: MessageState) -> OutboundMessage {
        let began = Instant::now();
        loop {
            let message = self.message(id).await;
            if message.progress.state == state {
                return message;
            }
            assert!(began.elapsed() < Duration::from_secs(15), "it is {:?}, not {state:?}", message.progress);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.registry.close(Duration::from_secs(5)).await;
        assert_eq!(
            self.script.uncommitted.load(Ordering::SeqCst),
            0,
            "a page was told before the attempt was committed"
        );
        assert_eq!(
            self.script.launches.load(Ordering::SeqCst),
            self.script.ended.load(Ordering::SeqCst),
            "every browser that was launched was ended"
        );
        assert!(self.background.finish(Duration::from_secs(5)).await, "the reconciler ends");
        self.connections.close().await;
        self.store.close().await;
    }
}

fn settings(config: &config::Config, folder: &Path) -> Settings {
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
        data_dir: folder.to_owned(),
    }
}
