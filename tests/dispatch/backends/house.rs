//! Store, Redis, queue and outbox together, as the daemon wires them.

use std::{sync::Arc, time::Duration};

use drover::{
    config,
    event::EventLog,
    model::{Content, MessageState, OutboundMessage, SessionName, message::Schedule},
    outbox::{AcceptError, AcceptOptions, AcceptRequest, Accepted, Outbox, Reconciler},
    queue::{ClaimAnswer, Queue},
    redis::Connections,
    store::{Store, sqlite_url},
};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{clock::TestClock, redis::TestRedis, rows, settings};

pub(crate) const START_MS: i64 = 1_700_000_000_000;
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct House {
    pub(crate) redis: TestRedis,
    pub(crate) connections: Connections,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) events: EventLog,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) session: SessionName,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn new(limits: config::Limits) -> Self {
        let redis = TestRedis::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&sqlite_url(&folder.path().join("drover.db"))).await.unwrap();
        let record = rows::session("main");
        store.sessions().insert(&record).await.unwrap();
        let connections = Connections::open(&redis.settings(), folder.path()).await.unwrap();
        let clock = TestClock::at(START_MS);
        let queue = Queue::new(&connections, settings::queue(), limits, clock.clone()).timed_by_clock();
        let events = EventLog::new(store.clone(), clock.clone());
        let outbox = Outbox::new(store.clone(), queue.clone(), limits, clock.clone());
        Self { redis, connections, store, queue, events, outbox, clock, session: record.name, _folder: folder }
    }

    /// The outbox of another process.
    pub(crate) fn another_outbox(&self) -> Outbox {
        Outbox::new(self.store.clone(), self.queue.clone(), settings::no_limits(), self.clock.clone())
    }

    /// A reconciler that runs until it is stopped.
    pub(crate) fn reconcile_every(&self, interval: Duration) -> Running {
        let stop = CancellationToken::new();
        let parts = (self.store.clone(), self.queue.clone(), self.events.clone(), self.clock.clone());
        let reconciler = Reconciler::new(parts.0, parts.1, parts.2, parts.3, interval);
        Running { task: tokio::spawn(reconciler.run(stop.clone())), stop }
    }

    /// One pass, to its end.
    pub(crate) async fn reconcile_once(&self) {
        let running = self.reconcile_every(Duration::from_secs(3600));
        self.until_loaded().await;
        running.stop().await;
    }

    pub(crate) async fn until_loaded(&self) {
        let loaded = async {
            while !matches!(self.queue.depth(&self.session).await, Ok(Some(_))) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, loaded).await.expect("the queue is loaded");
    }

    pub(crate) async fn accept(&self, chat: &str, body: &str) -> OutboundMessage {
        self.try_accept(text(chat, body), AcceptOptions::default()).await.unwrap().message
    }

    pub(crate) async fn try_accept(
        &self,
        (chat, content, schedule): (String, Content, Schedule),
        options: AcceptOptions,
    ) -> Result<Accepted, AcceptError> {
        let session = self.session.clone();
        self.outbox.accept(AcceptRequest { session, chat, content, schedule, options }, "key-1").await
    }

    pub(crate) async fn state_of(&self, message: &OutboundMessage) -> MessageState {
        self.store.messages().get(&message.id).await.unwrap().unwrap().progress.state
    }

    /// Claims and acknowledges until nothing is left; what came, in order.
    pub(crate) async fn drain(&self) -> Vec<OutboundMessage> {
        let mut drained = Vec::new();
        while let ClaimAnswer::Claimed(claim) = self.queue.claim(&self.session).await.unwrap() {
            drained.push(self.store.messages().get(&claim.id).await.unwrap().expect("a row for every claim"));
            let _ = claim.ack().await.unwrap();
        }
        drained
    }

    pub(crate) async fn end(self) {
        self.connections.close().await;
        self.store.close().await;
    }
}

pub(crate) struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(LONG, self.task).await.expect("it stops when it is told to").unwrap();
    }
}

/// A text at once.
pub(crate) fn text(chat: &str, body: &str) -> (String, Content, Schedule) {
    (chat.to_owned(), Content::text(body), Schedule::default())
}
