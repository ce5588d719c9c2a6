//! The event log: persist first, then broadcast. Whoever was away catches up from a number.
//!
//! One task writes: what waits for it is one commit, and what is committed is told at once. Invariants: a subscriber hears of an event
//! only after it is committed, and in the order of the numbers; what was handed in is written and told even if whoever handed it in
//! waits no longer.

mod envelope;
mod relay;
mod writer;

use std::sync::Arc;

use tokio::{
    sync::{Mutex, broadcast, mpsc, oneshot},
    task::JoinHandle,
};

pub use envelope::{About, Envelope, Environment, Worker, envelope, environment};
pub use relay::{Relay, STREAM};

use crate::{
    clock::Clock,
    model::{Alert, Event, EventKind, NewEvent, SessionName},
    store::{LogWrite, LogWritten, NewInbound, Store, StoreError, TakenIn},
};
use writer::Job;

/// How many events a slow subscriber may fall behind before it has to catch up from the store.
const BACKLOG: usize = 1_024;
/// Whoever comes when so many writes wait is held back.
const WAITING: usize = 1_024;

/// Where everything that happened goes.
#[derive(Clone)]
pub struct EventLog {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    sender: broadcast::Sender<Arc<Event>>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl EventLog {
    /// A log over the store; within a runtime, which its task runs on.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (sender, _) = broadcast::channel(BACKLOG);
        let (jobs, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(writer::run(store.clone(), clock, sender.clone(), waiting));
        Self { inner: Arc::new(Inner { store, sender, jobs: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }) }
    }

    /// Writes and tells what waits, and takes nothing more. Call it before the store is closed.
    pub async fn close(&self) {
        self.inner.jobs.lock().await.take();
        if let Some(task) = self.inner.task.lock().await.take() {
            // It ends by itself once nothing waits, and has nothing to say.
            let _ = task.await;
        }
    }

    async fn write(&self, write: LogWrite) -> Result<LogWritten, StoreError> {
        let jobs = self.inner.jobs.lock().await.clone().ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        jobs.send(Job { write, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Persists an event and tells every subscriber.
    ///
    /// # Errors
    /// When the store does not take it; then nobody hears of it.
    pub async fn publish(&self, event: NewEvent) -> Result<Event, StoreError> {
        match self.write(LogWrite::Append(event)).await? {
            LogWritten::Appended(event) => Ok(event),
            LogWritten::TakenIn(_) | LogWritten::Alerted(_) => unreachable!("an event is answered with its number"),
        }
    }

    /// Takes in what came from a page, in its order and each once, and tells every subscriber of its events: all of it in one commit,
    /// or nothing. What became of each, in the same order. `window_s`: see [`store::Inbound::take_in`].
    ///
    /// # Errors
    /// When the store does not take it; then nobody hears of it, and the same may be given again.
    ///
    /// [`store::Inbound::take_in`]: crate::store::Inbound::take_in
    pub async fn take_in(
        &self,
        arrivals: Vec<(NewInbound, Vec<NewEvent>)>,
        window_s: i64,
    ) -> Result<Vec<TakenIn>, StoreError> {
        match self.write(LogWrite::TakeIn { arrivals, window_s }).await? {
            LogWritten::TakenIn(all) => Ok(all),
            LogWritten::Appended(_) | LogWritten::Alerted(_) => unreachable!("what was taken in is answered so"),
        }
    }

    /// Persists an alert of a session (or of [`SessionName::server`]) and tells every subscriber, if it is news: a problem that is
    /// open already is not raised again, one that is not open is not resolved. The log has its line too.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn alert(&self, session: &SessionName, alert: Alert) -> Result<Option<Event>, StoreError> {
        let write = LogWrite::Alert { session: session.clone(), alert: Box::new(alert.clone()) };
        let LogWritten::Alerted(event) = self.write(write).await? else { unreachable!("an alert is answered so") };
        if event.is_none() {
            return Ok(None);
        }
        if alert.is_resolved || alert.is_notice() {
            tracing::info!(session.id = %session, code = alert.code, resolved = alert.is_resolved, "{}", alert.message);
        } else {
            tracing::warn!(session.id = %session, code = alert.code, "{}", alert.message);
        }
        Ok(event)
    }

    /// Hears what happens from now on. One that falls behind is told so and reads [`Self::since`].
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.inner.sender.subscribe()
    }

    /// What happened after the event with this number, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn since(
        &self,
        seq: i64,
        session: Option<&SessionName>,
        kinds: &[EventKind],
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.inner.store.events().since(seq, session, kinds, limit).await
    }

    /// The number of the newest event, 0 before the first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn last_seq(&self) -> Result<i64, StoreError> {
        self.inner.store.events().last_seq().await
    }
}
