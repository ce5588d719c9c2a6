//! Brings Redis to what the database holds.
//!
//! Redis may be emptied, restarted without its last second, or replaced; it may have been down when a message was accepted.
//! The rows are the truth: what waits there and is not in the queue is put in. Nothing here moves a settled row.

mod gauges;
mod restore;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::try_join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use gauges::Gauges;

use crate::{
    clock::Clock,
    event::EventLog,
    model::{DeadCode, EventKind, MessageState, NewEvent, OutboundMessage, SessionName, SessionRecord},
    queue::{LinkChanges, Load, Queue, QueueError},
    store::{Page, Store, StoreError, Undispatched},
};

/// Rows read at a time.
const PAGE: u32 = 500;
/// Writes under way at a time: enough to let commits be shared.
const AT_A_TIME: usize = 64;
/// After a pass that failed, unless something happens earlier.
const RETRY: Duration = Duration::from_secs(1);

/// Compares what the database holds as unsent with what Redis knows.
pub struct Reconciler {
    store: Store,
    queue: Queue,
    events: EventLog,
    clock: Arc<dyn Clock>,
    interval: Duration,
    gauges: Gauges,
}

#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("Redis was emptied while the queue of '{0}' was loaded")]
    Emptied(SessionName),
}

impl ReconcileError {
    fn is_redis_gone(&self) -> bool {
        matches!(self, Self::Queue(error) if error.is_redis_gone())
    }
}

impl Reconciler {
    /// A reconciler that looks at everything every `interval`.
    #[must_use]
    pub fn new(store: Store, queue: Queue, events: EventLog, clock: Arc<dyn Clock>, interval: Duration) -> Self {
        Self { store, queue, events, clock, interval, gauges: Gauges::default() }
    }

    /// Runs until `stop` is cancelled: at once, then at every interval, when Redis is back, and when a queue is found that
    /// must be loaded.
    pub async fn run(self, stop: CancellationToken) {
        let mut links = self.queue.link_changes();
        let mut has_failed = false;
        loop {
            links.mark_unchanged();
            let pause = match stop.run_until_cancelled(self.pass()).await {
                None => return,
                Some(Ok(())) => {
                    has_failed = false;
                    self.interval
                }
                Some(Err(error)) => {
                    // Said once for as long as it lasts; that Redis is gone its link reports.
                    if error.is_redis_gone() {
                        tracing::debug!(%error, "database and Redis are reconciled when Redis is back");
                    } else if !std::mem::replace(&mut has_failed, true) {
                        tracing::warn!(%error, "database and Redis could not be reconciled; trying again");
                    }
                    RETRY.min(self.interval)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = self.queue.load_wanted() => {}
                is_kept = came_up(&mut links) => if !is_kept { return },
            }
        }
    }

    async fn pass(&self) -> Result<(), ReconcileError> {
        self.expire_overdue().await?;
        // Counted before the sessions are listed, so that a session made in between is not taken for a deleted one.
        let rows = self.store.messages().waiting().await?;
        let mut waiting: HashMap<SessionName, u64> = HashMap::new();
        for row in &rows {
            *waiting.entry(row.session.clone()).or_default() += row.messages;
        }
        let sessions = self.store.sessions().list().await?;
        self.gauges.show(&rows, &sessions, self.clock.now_ms());
        for session in waiting.keys() {
            if !sessions.iter().any(|known| known.name == *session) {
                self.bury_what_a_session_left(session).await?;
            }
        }
        if !self.queue.is_up() {
            // Not a failure: its return is waited for.
            return Ok(());
        }
        let paused = self.store.pauses().list().await?;
        self.restore_pause_of_all(&paused).await?;
        for SessionRecord { name, .. } in &sessions {
            self.restore_pause(name, &paused).await?;
            match self.queue.depth(name).await? {
                None => self.load(name).await?,
                Some(depth) if depth != waiting.get(name).copied().unwrap_or(0) => self.top_up(name).await?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Fills a queue that is closed until it is complete.
    async fn load(&self, session: &SessionName) -> Result<(), ReconcileError> {
        let load = self.queue.load(session).await?;
        load.restore(&self.used(session).await?).await?;
        let messages = self.put_rows(session, Some(&load)).await?;
        if !load.finish().await? {
            return Err(ReconcileError::Emptied(session.clone()));
        }
        if messages > 0 {
            tracing::info!(session.id = %session, messages, "a queue was loaded from the database");
        }
        Ok(())
    }

    /// Puts in what an open queue lacks. It may as well hold what was settled a moment ago: that is left to the sender.
    async fn top_up(&self, session: &SessionName) -> Result<(), ReconcileError> {
        self.put_rows(session, None).await.map(drop)
    }

    /// Puts every row that waits in the queue, by a load or past it; how many there are.
    async fn put_rows(&self, session: &SessionName, load: Option<&Load>) -> Result<usize, ReconcileError> {
        let mut rows = 0;
        let mut after = 0;
        loop {
            let page = self.store.messages().undispatched(session, Page { after, limit: PAGE }).await?;
            let Some(last) = page.last() else { return Ok(rows) };
            after = last.position;
            rows += page.len();
            let messages: Vec<_> = page.iter().map(|row| row.message.clone()).collect();
            match load {
                Some(load) => load.put_all(&messages).await?,
                None => self.queue.enqueue_all(session, &messages).await?,
            }
            self.mark_queued(&page).await?;
        }
    }

    async fn mark_queued(&self, page: &[Undispatched]) -> Result<(), StoreError> {
        let messages = self.store.messages();
        for portion in page.chunks(AT_A_TIME) {
            let mut marks = Vec::with_capacity(portion.len());
            for row in portion {
                if row.message.progress.state == MessageState::Accepted {
                    marks.push(messages.mark_queued(&row.message.id));
                }
            }
            try_join_all(marks).await?;
        }
        Ok(())
    }

    /// Their session was deleted while they were on their way in.
    async fn bury_what_a_session_left(&self, session: &SessionName) -> Result<(), ReconcileError> {
        let detail = "its session was deleted";
        let messages = self.store.messages().bury_all(session, DeadCode::SessionDeleted, detail).await?;
        tracing::warn!(session.id = %session, messages, "messages of a deleted session were given up");
        Ok(())
    }

    async fn expire_overdue(&self) -> Result<(), ReconcileError> {
        loop {
            let overdue = self.store.messages().overdue(self.clock.now_ms(), PAGE).await?;
            for message in &overdue {
                self.expire(message).await?;
            }
            if overdue.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    async fn expire(&self, message: &OutboundMessage) -> Result<(), ReconcileError> {
        if !self.store.messages().expire(&message.id).await? {
            return Ok(());
        }
        if let Err(error) = self.queue.cancel(message).await {
            tracing::debug!(id = %message.id, %error, "an expired message stays in the queue until a sender finds it");
        }
        let payload = json!({
            "id": message.id.public(&message.chat),
            "chatId": message.chat,
            "kind": message.content.kind(),
            "error": { "code": DeadCode::Expired, "message": "its expiresAt passed before it could be sent" },
        });
        let event = NewEvent { kind: EventKind::MessageDead, session: message.session.clone(), payload };
        self.events.publish(event).await?;
        Ok(())
    }
}

/// Waits until the link comes up; false when nobody keeps it up any more.
async fn came_up(links: &mut LinkChanges) -> bool {
    while links.changed().await.is_ok() {
        if links.borrow_and_update().is_some() {
            return true;
        }
    }
    false
}
