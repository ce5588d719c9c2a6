//! Who waits for a wake-up: one notification a name, fed by the node's one subscription.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::bounded;

/// The channel on which names are published: whoever waits under that name has something to do.
pub const WAKE_CHANNEL: &str = "drover:wake";

/// The waiting, by name.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    by_name: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Wakers {
    pub(super) fn of(&self, name: &str) -> Arc<Notify> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        // Names that nobody holds any more: their sessions are gone.
        if by_name.len() >= 64 && by_name.len().is_power_of_two() {
            by_name.retain(|_, waker| Arc::strong_count(waker) > 1);
        }
        let waker = by_name.entry(name.to_owned()).or_default().clone();
        bounded::show_size("wakers", u64::try_from(by_name.len()).unwrap_or(u64::MAX));
        waker
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
