//! The events of one lane in order, each once: live ones from the dispatcher, and from the store those that it was away for.
//!
//! Invariants: `cursor` is the number of the last settled event; what is in `ready` comes next, without a gap. Whoever feeds
//! the inbox sets `is_behind` instead of waiting for room, so that no receiver delays another.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tokio::sync::{
    Notify,
    mpsc::{self, error::TryRecvError},
};

use super::target::Target;
use crate::{
    event::EventLog,
    model::{Event, SessionName},
    store::StoreError,
};

/// How many live events wait for a lane; more are read from the store.
const WAITING: usize = 256;
/// How many events are read from the store at once.
const PAGE: u32 = 256;

/// What the dispatcher and a lane tell each other beside the events.
#[derive(Debug, Default)]
pub(super) struct Signal {
    /// Events were not put in since there was no room, or were not heard of.
    is_behind: AtomicBool,
    /// A dead letter was revived.
    is_revived: AtomicBool,
    /// Nothing was left when the lane looked last.
    is_idle: AtomicBool,
    /// The lane ends once nothing is left, or at the first failure.
    is_draining: AtomicBool,
    /// The last event that was meant for it, and the last that is settled.
    pub(super) offered_seq: AtomicI64,
    pub(super) settled_seq: AtomicI64,
    wake: Notify,
}

impl Signal {
    pub(super) fn set_behind(&self) {
        self.is_behind.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Whether everything that was meant for the lane is settled.
    pub(super) fn is_idle(&self) -> bool {
        let offered_seq = self.offered_seq.load(Ordering::SeqCst);
        self.is_idle.load(Ordering::SeqCst) && self.settled_seq.load(Ordering::SeqCst) >= offered_seq
    }

    pub(super) fn set_revived(&self) {
        self.is_revived.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    pub(super) fn take_revived(&self) -> bool {
        self.is_revived.swap(false, Ordering::SeqCst)
    }

    pub(super) fn set_draining(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// Where the dispatcher puts a lane's events.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    events: mpsc::Sender<Arc<Event>>,
    pub(super) signal: Arc<Signal>,
}

impl Feed {
    /// Puts an event in, or notes that the lane has to read it from the store.
    pub(super) fn offer(&self, event: &Arc<Event>) {
        self.signal.offered_seq.store(event.seq, Ordering::Relaxed);
        if !self.signal.is_behind.load(Ordering::SeqCst) && self.events.try_send(Arc::clone(event)).is_err() {
            self.signal.set_behind();
        }
    }
}

/// Where a lane takes its events from.
pub(super) struct Inbox {
    log: EventLog,
    session: SessionName,
    live: mpsc::Receiver<Arc<Event>>,
    pub(super) signal: Arc<Signal>,
    ready: VecDeque<Arc<Event>>,
    is_catching_up: bool,
    cursor: i64,
}

impl Inbox {
    /// The events of a session behind the one with this number.
    pub(super) fn after(cursor: i64, session: SessionName, log: EventLog) -> (Feed, Self) {
        let (events, live) = mpsc::channel(WAITING);
        let signal = Arc::new(Signal::default());
        signal.settled_seq.store(cursor, Ordering::Relaxed);
        let feed = Feed { events, signal: Arc::clone(&signal) };
        (feed, Self { log, session, live, signal, ready: VecDeque::new(), is_catching_up: true, cursor })
    }

    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The next event for a target, if there is one now; it stays until it is settled.
    pub(super) async fn next(&mut self, target: &Target) -> Result<Option<Arc<Event>>, StoreError> {
        loop {
            while let Some(event) = self.ready.front() {
                if event.seq > self.cursor && target.takes(event.event.kind) {
                    self.signal.is_idle.store(false, Ordering::SeqCst);
                    return Ok(Some(Arc::clone(event)));
                }
                self.ready.pop_front();
            }
            if self.is_catching_up {
                self.read_page(target).await?;
                continue;
            }
            match self.live.try_recv() {
                Ok(event) => self.ready.push_back(event),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                    // What was put in before there was no more room comes before what was not.
                    if !self.signal.is_behind.load(Ordering::SeqCst) {
                        self.signal.is_idle.store(true, Ordering::SeqCst);
                        return Ok(None);
                    }
                    self.is_catching_up = true;
                }
            }
        }
    }

    async fn read_page(&mut self, target: &Target) -> Result<(), StoreError> {
        // First this: what is not put in after it is read below, and what is read and put in is skipped by its number.
        self.signal.is_behind.store(false, Ordering::SeqCst);
        let Some(kinds) = target.kinds() else {
            self.is_catching_up = false;
            return Ok(());
        };
        let page = self.log.since(self.cursor, Some(&self.session), kinds, PAGE).await?;
        self.is_catching_up = page.len() >= PAGE as usize;
        self.ready.extend(page.into_iter().map(Arc::new));
        Ok(())
    }

    /// The event was delivered or given up.
    pub(super) fn settled(&mut self, seq: i64) {
        self.cursor = self.cursor.max(seq);
        self.signal.settled_seq.store(self.cursor, Ordering::Relaxed);
    }

    /// Waits until there may be something new; false when nobody feeds it any more.
    pub(super) async fn changed(&mut self) -> bool {
        let has_room = self.ready.is_empty();
        tokio::select! {
            event = self.live.recv(), if has_room => match event {
                Some(event) => {
                    self.ready.push_back(event);
                    true
                }
                None => false,
            },
            () = self.signal.woken() => true,
        }
    }
}
