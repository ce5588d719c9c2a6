//! The lanes' cursors on their way to the store, many in one transaction. A crash in between repeats what was delivered since
//! the last one, under the same ids.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::{LaneKey, Store};

/// How long cursors are gathered.
const GATHER: Duration = Duration::from_millis(250);

/// What moved and is not stored yet.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    moved: Mutex<HashMap<LaneKey, i64>>,
    changed: Notify,
    /// Whether the last time failed, which is said once.
    has_failed: AtomicBool,
}

impl Cursors {
    /// Everything of a lane up to this number is settled.
    pub(super) fn note(&self, lane: &LaneKey, seq: i64) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        match moved.get_mut(lane) {
            Some(noted) => *noted = seq.max(*noted),
            None => {
                moved.insert(lane.clone(), seq);
            }
        }
        drop(moved);
        self.changed.notify_one();
    }

    /// Stores what moved, again and again, until `stop` is cancelled.
    pub(super) async fn run(&self, store: &Store, stop: &CancellationToken) {
        let keep_storing = async {
            loop {
                self.changed.notified().await;
                tokio::time::sleep(GATHER).await;
                self.flush(store).await;
            }
        };
        // What a cancelled flush had taken is lost to the next one, and repeated after the next start.
        stop.run_until_cancelled(keep_storing).await;
    }

    /// Stores what moved.
    pub(super) async fn flush(&self, store: &Store) {
        let moved = mem::take(&mut *self.moved.lock().unwrap_or_else(PoisonError::into_inner));
        if moved.is_empty() {
            return;
        }
        let moved: Vec<_> = moved.into_iter().collect();
        let stored = store.webhooks().advance(moved.clone()).await;
        let had_failed = self.has_failed.swap(stored.is_err(), Ordering::Relaxed);
        if let Err(error) = stored {
            if !had_failed {
                tracing::warn!(%error, "how far webhooks are could not be stored; trying again");
            }
            for (lane, seq) in moved {
                self.note(&lane, seq);
            }
        }
    }
}
