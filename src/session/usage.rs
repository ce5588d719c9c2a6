//! When a session was used last, and who needs it as it is: its sender while it sends, and whoever works on its login.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::model::SessionOptions;

/// Shared by a session's actor, its sender, the registry and whoever looks after memory.
#[derive(Debug)]
pub(super) struct Usage {
    used_at_ms: AtomicI64,
    state_since_ms: AtomicI64,
    is_pinned: AtomicBool,
    /// Held from a claim to its settlement.
    sending: Arc<Mutex<()>>,
    /// Held by whoever works on the login: no browser is launched meanwhile.
    login: Arc<Mutex<()>>,
}

impl Usage {
    pub(super) fn new(now_ms: i64, config: &Value) -> Self {
        let usage = Self {
            used_at_ms: AtomicI64::new(now_ms),
            state_since_ms: AtomicI64::new(now_ms),
            is_pinned: AtomicBool::new(false),
            sending: Arc::default(),
            login: Arc::default(),
        };
        usage.configure(config);
        usage
    }

    /// Takes over what a `config` says.
    pub(super) fn configure(&self, config: &Value) {
        self.is_pinned.store(SessionOptions::of(config).pinned.unwrap_or(false), Ordering::Relaxed);
    }

    /// Whether it is never put to sleep.
    pub(super) fn is_pinned(&self) -> bool {
        self.is_pinned.load(Ordering::Relaxed)
    }

    /// A message went or came, or its page was asked for something.
    pub(super) fn touch(&self, now_ms: i64) {
        self.used_at_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// It is in another state.
    pub(super) fn enter_state(&self, now_ms: i64) {
        self.state_since_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Since when it is in its state, by the steady clock.
    pub(super) fn state_since_ms(&self) -> i64 {
        self.state_since_ms.load(Ordering::Relaxed)
    }

    /// When it was used last, by the steady clock.
    pub(super) fn used_at_ms(&self) -> i64 {
        self.used_at_ms.load(Ordering::Relaxed)
    }

    /// As soon as nothing is being sent; nothing is until the guard is dropped.
    pub(super) async fn send_nothing(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.sending).lock_owned().await
    }

    /// The same if nothing is being sent right now.
    pub(super) fn try_send_nothing(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.sending).try_lock_owned().ok()
    }

    /// From now on no browser is launched until the guard is dropped; waits for whoever works on the login before.
    pub(super) async fn hold_login(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.login).lock_owned().await
    }

    /// Waits until nobody works on the login; `tell` is called if that takes a while.
    pub(super) async fn wait_let_go(&self, tell: impl FnOnce()) {
        if self.login.try_lock().is_err() {
            tell();
            drop(self.login.lock().await);
        }
    }
}
