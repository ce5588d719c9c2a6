//! Hears every event and puts it into the lanes that want it; begins, changes and ends lanes as sessions and their
//! configurations come and go.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    form,
    hub::{Hub, LaneStatus},
    inbox::{Feed, Inbox},
    lane::Lane,
    target::Target,
};
use crate::{
    model::{Event, EventKind, SessionName},
    shutdown::Shutdown,
    store::{LaneKey, StoreError},
};

/// How long what is under way may take when drover ends.
const GRACE: Duration = Duration::from_millis(1_500);
/// After a start that failed since the database did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// How often the gauges are set.
const GAUGES: Duration = Duration::from_secs(15);
/// A backlog is counted up to here.
const MOST_COUNTED: u32 = 10_000;

/// Delivers events until it is stopped.
pub struct Dispatcher {
    hub: Arc<Hub>,
    live: broadcast::Receiver<Arc<Event>>,
    /// The newest event when drover started: a lane that nobody opened before begins behind it.
    started_seq: i64,
    sessions: HashMap<SessionName, Vec<RunningLane>>,
    /// Sessions whose lanes could not be opened, with the number before the first event that waits for them.
    unopened: HashMap<SessionName, i64>,
    lanes: Shutdown,
    stop: CancellationToken,
}

/// A lane's task and the ends of what leads to it.
struct RunningLane {
    key: LaneKey,
    target: watch::Sender<Arc<Target>>,
    feed: Feed,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for RunningLane {
    fn drop(&mut self) {
        // No lane outlives whoever feeds it.
        self.end.cancel();
    }
}

impl Dispatcher {
    pub(super) fn new(hub: Arc<Hub>, live: broadcast::Receiver<Arc<Event>>, started_seq: i64) -> Self {
        Self {
            hub,
            live,
            started_seq,
            sessions: HashMap::new(),
            unopened: HashMap::new(),
            lanes: Shutdown::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Runs until `stop` is cancelled; then finishes what is under way and stores how far each lane is.
    pub async fn run(mut self, stop: CancellationToken) {
        let background = Shutdown::new();
        let end_background = CancellationToken::new();
        let (hub, end) = (Arc::clone(&self.hub), end_background.clone());
        background.spawn(async move { hub.cursors.run(&hub.store, &end).await });
        let (hub, end) = (Arc::clone(&self.hub), end_background.clone());
        background.spawn(async move {
            end.run_until_cancelled(keep_gauges(&hub)).await;
        });
        stop.run_until_cancelled(self.dispatch()).await;
        self.stop.cancel();
        if !self.lanes.finish(GRACE).await {
            tracing::info!("a webhook was still answering when time ran out; the event is delivered again");
        }
        end_background.cancel();
        background.finish(GRACE).await;
        self.hub.cursors.flush(&self.hub.store).await;
    }

    async fn dispatch(&mut self) {
        let mut has_failed = false;
        while let Err(error) = self.open_all().await {
            if !std::mem::replace(&mut has_failed, true) {
                tracing::warn!(%error, "webhooks wait for the database");
            }
            tokio::time::sleep(RETRY).await;
        }
        let hub = Arc::clone(&self.hub);
        loop {
            tokio::select! {
                heard = self.live.recv() => match heard {
                    Ok(event) => self.route(&event).await,
                    Err(RecvError::Lagged(_)) => self.all_behind(),
                    Err(RecvError::Closed) => return,
                },
                changed = hub.changes.done() => {
                    for session in changed {
                        self.follow(&session).await;
                    }
                }
            }
        }
    }

    /// Opens the lanes of every session, and ends those that nobody has any more.
    async fn open_all(&mut self) -> Result<(), StoreError> {
        // In this order: a lane of a session that is just being made is not taken for one that was left.
        let mut lanes = self.hub.store.webhooks().list().await?;
        lanes.retain(|(key, _)| !self.hub.changes.is_under_way(&key.session));
        let sessions = self.hub.store.sessions().list().await?;
        let server = lanes.iter().map(|(key, _)| key.session.clone()).find(SessionName::is_server);
        for (key, _) in lanes {
            if !key.session.is_server() && !sessions.iter().any(|session| session.name == key.session) {
                self.hub.store.webhooks().remove(&key).await?;
            }
        }
        for name in sessions.iter().map(|session| &session.name).chain(&server) {
            self.open(name, self.started_seq).await?;
        }
        Ok(())
    }

    async fn route(&mut self, event: &Arc<Event>) {
        let session = &event.event.session;
        if event.event.kind == EventKind::SessionStatus {
            self.hub.forget_facts(session);
        }
        if !self.sessions.contains_key(session) {
            let first_seq = *self.unopened.entry(session.clone()).or_insert(event.seq - 1);
            if let Err(error) = self.open(session, first_seq).await {
                tracing::warn!(%error, session.id = %session, "webhooks of a session wait for the database");
                return;
            }
        }
        for lane in self.sessions.get(session).into_iter().flatten() {
            if lane.target.borrow().takes(event.event.kind) {
                lane.feed.offer(event);
            }
        }
    }

    fn all_behind(&self) {
        tracing::debug!("events came faster than they were given out: webhooks read them from the database");
        for lane in self.sessions.values().flatten() {
            lane.feed.signal.set_behind();
        }
    }

    /// Takes over what became of a session.
    async fn follow(&mut self, session: &SessionName) {
        self.hub.forget_facts(session);
        let opened = match self.hub.events.last_seq().await {
            Ok(last_seq) => self.open(session, last_seq).await,
            Err(error) => Err(error),
        };
        if let Err(error) = opened {
            tracing::warn!(%error, session.id = %session, "webhooks of a session wait for the database");
            // The next event of the session opens them; those of before are behind their stored cursors.
            self.sessions.remove(session);
        }
    }

    /// Makes a session's lanes what its configuration says. New ones begin behind `first_seq`, unless the store has a cursor.
    async fn open(&mut self, session: &SessionName, first_seq: i64) -> Result<(), StoreError> {
        let webhooks = self.hub.store.webhooks();
        // In this order: what is there now, and of no change that is under way, is in the configuration, or left over.
        let mut leftover = webhooks.of_session(session).await?;
        if self.hub.changes.is_under_way(session) {
            leftover.clear();
        }
        let record = self.hub.store.sessions().get(session).await?;
        // What concerns drover as a whole goes to the webhooks of all sessions.
        let config =
            record.map(|record| record.config).or_else(|| session.is_server().then_some(serde_json::Value::Null));
        let Some(config) = config else {
            // What is left of a deleted session is delivered, if that goes at once.
            let lanes = self.sessions.entry(session.clone()).or_default();
            lanes.iter().for_each(|lane| lane.feed.signal.set_draining());
            lanes.iter().for_each(|lane| self.hub.strike_out(&lane.key));
            self.unopened.remove(session);
            return Ok(());
        };
        let own = match form::read(&config, self.hub.usual, &self.hub.client) {
            Ok(list) => Target::all(Some(session), list),
            Err(error) => {
                tracing::warn!(%error, session.id = %session, "this session's own webhooks are not used; mend its config");
                Vec::new()
            }
        };
        let targets: Vec<Arc<Target>> = own.into_iter().chain(self.hub.global.iter().cloned()).collect();
        let key_of = |target: &Target| LaneKey { webhook: target.id.clone(), session: session.clone() };
        let mut running = self.sessions.remove(session).unwrap_or_default();
        let (kept, ended): (Vec<_>, Vec<_>) = running.drain(..).partition(|lane| {
            !lane.feed.signal.is_draining() && targets.iter().any(|target| target.id == lane.key.webhook)
        });
        for mut lane in ended {
            lane.end.cancel();
            // A panic of it was reported where it happened.
            let _ = (&mut lane.task).await;
            self.hub.strike_out(&lane.key);
        }
        self.sessions.insert(session.clone(), kept);
        webhooks.open(targets.iter().map(|target| (key_of(target), first_seq)).collect()).await?;
        leftover.retain(|(key, _)| targets.iter().all(|target| target.id != key.webhook));
        for (key, _) in leftover {
            webhooks.remove(&key).await?;
        }
        for (key, cursor) in webhooks.of_session(session).await? {
            if let Some(target) = targets.iter().find(|target| target.id == key.webhook) {
                self.begin(key, Arc::clone(target), cursor);
            }
        }
        self.unopened.remove(session);
        Ok(())
    }

    /// Begins a lane, or gives one that runs its target.
    fn begin(&mut self, key: LaneKey, target: Arc<Target>, cursor: i64) {
        let lanes = self.sessions.entry(key.session.clone()).or_default();
        if let Some(lane) = lanes.iter().find(|lane| lane.key == key) {
            let status = LaneStatus { target: Arc::clone(&target), signal: Arc::clone(&lane.feed.signal) };
            self.hub.enter(key, status);
            lane.target.send_replace(target);
            return;
        }
        let (feed, inbox) = Inbox::after(cursor, key.session.clone(), self.hub.events.clone());
        let status = LaneStatus { target: Arc::clone(&target), signal: Arc::clone(&feed.signal) };
        self.hub.enter(key.clone(), status);
        let (target, given) = watch::channel(target);
        let lane = Lane {
            hub: Arc::clone(&self.hub),
            key: key.clone(),
            target: given,
            inbox,
            failed: std::collections::BTreeMap::new(),
            stop: self.stop.clone(),
        };
        let end = CancellationToken::new();
        let (lanes_shutdown, own_end) = (self.lanes.clone(), end.clone());
        let task = self.lanes.spawn(async move {
            tokio::select! {
                () = lane.run(own_end) => {}
                () = lanes_shutdown.hurried() => {}
            }
        });
        lanes.push(RunningLane { key, target, feed, end, task });
    }
}

/// How many events wait for each session's webhooks, and how many URLs rest.
async fn keep_gauges(hub: &Hub) {
    let mut waiting: HashMap<SessionName, i64> = HashMap::new();
    loop {
        // One whose last webhook has gone shows 0 once more.
        waiting.values_mut().for_each(|count| *count = 0);
        for (lane, status) in hub.lanes() {
            let count = backlog(hub, &lane, &status).await.unwrap_or_default();
            *waiting.entry(lane.session).or_default() += count;
        }
        for (session, &count) in &waiting {
            #[expect(clippy::cast_precision_loss, reason = "it is counted up to ten thousand a lane")]
            metrics::gauge!("drover_webhook_backlog", "session" => session.to_string()).set(count as f64);
        }
        waiting.retain(|_, count| *count > 0);
        #[expect(clippy::cast_precision_loss, reason = "there are not that many URLs")]
        metrics::gauge!("drover_webhook_circuits_open").set(hub.open_circuits() as f64);
        tokio::time::sleep(GAUGES).await;
    }
}

/// How many events wait for a lane, counted up to some.
pub(super) async fn backlog(hub: &Hub, lane: &LaneKey, status: &LaneStatus) -> Result<i64, StoreError> {
    let settled_seq = status.signal.settled_seq.load(Ordering::Relaxed);
    match status.target.kinds() {
        Some(kinds) if !status.signal.is_idle() => {
            hub.store.events().count_since(settled_seq, &lane.session, kinds, MOST_COUNTED).await
        }
        _ => Ok(0),
    }
}
