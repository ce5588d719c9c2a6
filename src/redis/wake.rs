//! Who waits for a wake-up: one notification a name, fed by the node's one subscription.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::bounded::{self, Settle};

/// The channel on which names are published: whoever waits under that name has something to do.
pub const WAKE_CHANNEL: &str = "drover:wake";

/// Its name in the metrics.
const NAME: &str = "wakers";

/// The waiting, by name. No cache: an entry that went while somebody waits on it would never be notified, so that one goes only when
/// nobody holds it, whatever its age. That bounds it: there are never more than are held.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    by_name: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Settle for Wakers {
    fn settle(&self) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let before = by_name.len();
        by_name.retain(|_, waker| Arc::strong_count(waker) > 1);
        let left = by_name.len();
        bounded::show_size(NAME, left as u64);
        if left < before {
            bounded::count_evictions(NAME, "unused", (before - left) as u64);
        }
    }
}

impl Wakers {
    /// An empty one, which is settled with the bounded maps.
    pub(super) fn new() -> Arc<Self> {
        let wakers = Arc::default();
        bounded::keep_settled(&wakers);
        wakers
    }

    pub(super) fn of(&self, name: &str) -> Arc<Notify> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.entry(name.to_owned()).or_default().clone()
    }

    /// A wake-up that comes before the wait is kept.
    pub(super) fn wake(&self, name: &str) {
        if let Some(waker) = self.by_name.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            waker.notify_one();
        }
    }

    pub(super) fn wake_all(&self) {
        for waker in self.by_name.lock().unwrap_or_else(PoisonError::into_inner).values() {
            waker.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_goes_when_nobody_holds_it_and_not_before() {
        let wakers = Wakers::new();
        let held = wakers.of("held");
        for number in 0..1_000 {
            wakers.of(&format!("left {number}"));
        }
        bounded::settle();
        assert_eq!(wakers.by_name.lock().expect("the wakers").len(), 1);
        wakers.wake("held");
        held.notified().await;
    }
}
