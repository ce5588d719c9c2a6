//! How fast each session may send, as it is now: `[limits]`, what the session's config changes, and how old its account is.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{Queue, keys};
use crate::{
    config::{Limits, SessionLimits},
    model::SessionName,
};

/// The limits in force, and what is known of each session.
#[derive(Debug)]
pub(super) struct Paces {
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    sessions: HashMap<SessionName, Known>,
}

/// What is known of a session.
#[derive(Debug, Clone)]
struct Known {
    /// Its keys, as the scripts take them.
    keys: Arc<[String]>,
    own: SessionLimits,
    linked_at_ms: Option<i64>,
}

impl Known {
    fn new(session: &SessionName) -> Self {
        Self { keys: keys::all_of_session(session).into(), own: SessionLimits::default(), linked_at_ms: None }
    }
}

impl Paces {
    pub(super) fn new(limits: Limits) -> Self {
        Self { inner: RwLock::new(Inner { limits, sessions: HashMap::new() }) }
    }

    /// The keys of a session, made once.
    pub(super) fn keys_of(&self, session: &SessionName) -> Arc<[String]> {
        {
            let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = inner.sessions.get(session) {
                return Arc::clone(&known.keys);
            }
        }
        self.change(session, |known| Arc::clone(&known.keys))
    }

    /// A session's limits, and its cap for today.
    pub(super) fn in_force(&self, session: &SessionName, now_ms: i64) -> (Limits, Option<u32>) {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let known = inner.sessions.get(session);
        let limits = known.map_or(inner.limits, |known| known.own.over(&inner.limits));
        let cap = limits.daily_cap(known.and_then(|known| known.linked_at_ms), now_ms);
        (limits, cap)
    }

    pub(super) fn forget(&self, session: &SessionName) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).sessions.remove(session);
    }

    fn change<T>(&self, session: &SessionName, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        change(inner.sessions.entry(session.clone()).or_insert_with(|| Known::new(session)))
    }
}

impl Queue {
    /// Changes `[limits]` for all sessions, from the next claim on; senders that wait ask again at once.
    pub fn set_limits(&self, limits: Limits) {
        let names: Vec<_> = {
            let mut inner = self.shared.paces.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.limits = limits;
            inner.sessions.keys().cloned().collect()
        };
        for session in names {
            self.waker(&session).notify_one();
        }
    }

    /// Changes what a session has differently from `[limits]`, from the next claim on; its sender asks again at once.
    pub fn set_session_limits(&self, session: &SessionName, own: SessionLimits) {
        self.shared.paces.change(session, |known| known.own = own);
        self.waker(session).notify_one();
    }

    /// When the session's account was first linked (Unix milliseconds); None: unknown, and so as young as can be.
    pub fn set_linked_at(&self, session: &SessionName, linked_at_ms: Option<i64>) {
        self.shared.paces.change(session, |known| known.linked_at_ms = linked_at_ms);
        self.waker(session).notify_one();
    }

    /// The limits of a session as they are now.
    #[must_use]
    pub fn limits_of(&self, session: &SessionName) -> Limits {
        self.shared.paces.in_force(session, self.shared.clock.now_ms()).0
    }
}
