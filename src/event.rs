//! The event log: persist first, then broadcast. Whoever was away catches up from a number.
//!
//! Invariant: a subscriber hears of an event only after it is committed, and in the order of the numbers.

mod envelope;

use std::sync::Arc;

use tokio::sync::{Mutex, broadcast};

pub use envelope::{envelope, environment};

use crate::{
    clock::Clock,
    model::{Alert, Event, EventKind, NewEvent, SessionName},
    store::{NewInbound, Store, StoreError, TakenIn},
};

/// How many events a slow subscriber may fall behind before it has to catch up from the store.
const BACKLOG: usize = 1_024;

/// Where everything that happened goes.
#[derive(Clone)]
pub struct EventLog {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    sender: broadcast::Sender<Arc<Event>>,
    /// Held from the insert to the broadcast, so that numbers are heard in order.
    order: Mutex<()>,
}

impl EventLog {
    /// A log over the store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (sender, _) = broadcast::channel(BACKLOG);
        Self { inner: Arc::new(Inner { store, clock, sender, order: Mutex::new(()) }) }
    }

    /// Persists an event and tells every subscriber.
    ///
    /// # Errors
    /// When the store does not take it; then nobody hears of it.
    pub async fn publish(&self, event: NewEvent) -> Result<Arc<Event>, StoreError> {
        let _in_order = self.inner.order.lock().await;
        let event = Arc::new(self.inner.store.events().append(&event, self.inner.clock.now_ms()).await?);
        // An error means that nobody listens right now.
        let _ = self.inner.sender.send(Arc::clone(&event));
        Ok(event)
    }

    /// Takes in what came from a page, once, and tells every subscriber of its events. `window_s`: see [`store::Inbound::take_in`].
    ///
    /// # Errors
    /// When the store does not take it; then nobody hears of it, and the same may be given again.
    ///
    /// [`store::Inbound::take_in`]: crate::store::Inbound::take_in
    pub async fn take_in(&self, new: &NewInbound, events: &[NewEvent], window_s: i64) -> Result<TakenIn, StoreError> {
        let _in_order = self.inner.order.lock().await;
        let taken = self.inner.store.inbound().take_in(new, events, window_s, self.inner.clock.now_ms()).await?;
        if let TakenIn::New(events) = &taken {
            for event in events {
                // An error means that nobody listens right now.
                let _ = self.inner.sender.send(Arc::new(event.clone()));
            }
        }
        Ok(taken)
    }

    /// Persists an alert of a session and tells every subscriber; the log has its line too.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn alert(&self, session: &SessionName, alert: Alert) -> Result<Arc<Event>, StoreError> {
        let payload = serde_json::json!(alert);
        tracing::warn!(session.id = %session, code = alert.code, resolved = alert.is_resolved, "{}", alert.message);
        self.publish(NewEvent { kind: EventKind::Alert, session: session.clone(), payload }).await
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
