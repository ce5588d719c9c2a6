//! How much memory the sessions hold, and what follows: garbage is collected, sessions sleep, and starts wait for room.
//!
//! `ledger` counts, `policy` decides, `keeper` measures and acts; this is what they share with the launch gate and the actors.
//! Invariant: no lock is held while anything is awaited, and the ledger's is never taken around another one.

mod ceiling;
mod collector;
mod keeper;
mod ledger;
mod policy;
mod view;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use tokio::sync::Notify;

pub(super) use keeper::Keeper;
pub use policy::Level;
pub use view::{MemoryView, SessionMemory};

use ledger::Ledger;

use crate::{
    config,
    host::{HeadroomProbe, MachineLimits},
    model::SessionName,
};

/// Shared by all sessions, the launch gate and the keeper.
pub(super) struct Memory {
    settings: RwLock<config::Memory>,
    ledger: Mutex<Ledger>,
    /// Who waits for room.
    wanted: Mutex<Wanted>,
    view: RwLock<MemoryView>,
    probe: HeadroomProbe,
    /// Somebody waits for room, or the settings are others.
    changed: Notify,
}

#[derive(Default)]
struct Wanted {
    issued: u64,
    sessions: BTreeMap<u64, SessionName>,
}

impl Memory {
    /// `first_guess_bytes`: what a browser holds, before any was measured.
    pub(super) fn new(settings: config::Memory, first_guess_bytes: u64) -> Self {
        Self {
            settings: RwLock::new(settings),
            ledger: Mutex::new(Ledger::new(first_guess_bytes)),
            wanted: Mutex::default(),
            view: RwLock::default(),
            probe: HeadroomProbe::default(),
            changed: Notify::new(),
        }
    }

    /// `[memory]` as it is in force now.
    pub(super) fn settings(&self) -> config::Memory {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other settings are in force from now on.
    pub(super) fn set(&self, settings: config::Memory) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        self.changed.notify_one();
    }

    /// As the keeper saw it last.
    pub(super) fn view(&self) -> MemoryView {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the session's browser fits into the budget.
    pub(super) fn fits(&self, session: &SessionName, now_ms: i64) -> bool {
        let ceiling_bytes = self.budget().ceiling_bytes();
        self.ledger().fits(session, ceiling_bytes, now_ms)
    }

    /// Its browser may start: its room is taken.
    pub(super) fn set_aside(&self, session: &SessionName, now_ms: i64) {
        self.ledger().set_aside(session, now_ms);
    }

    /// It runs as this process group.
    pub(super) fn launched(&self, session: &SessionName, process_group: u32) {
        self.ledger().launched(session, process_group);
    }

    /// It has ended; whether that made room.
    pub(super) fn ended(&self, session: &SessionName) -> bool {
        self.ledger().ended(session)
    }

    /// The session is no more.
    pub(super) fn forget(&self, session: &SessionName) {
        let mut ledger = self.ledger();
        ledger.ended(session);
        ledger.forget(session);
    }

    /// Somebody waits for room until the guard is dropped.
    pub(super) fn want_room(self: &Arc<Self>, session: &SessionName) -> WantsRoom {
        let ticket = {
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.issued += 1;
            let ticket = wanted.issued;
            wanted.sessions.insert(ticket, session.clone());
            ticket
        };
        self.changed.notify_one();
        WantsRoom { memory: Arc::clone(self), ticket }
    }

    /// Who waits for room, the longest first.
    fn waiting_for_room(&self) -> Vec<SessionName> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).sessions.values().cloned().collect()
    }

    /// As the settings and the machine's limits have it now. Which limits those are is looked up with each measurement.
    fn budget(&self) -> policy::Budget {
        let limits = self.view.read().unwrap_or_else(PoisonError::into_inner).limits;
        self.budget_of(limits)
    }

    fn budget_of(&self, limits: MachineLimits) -> policy::Budget {
        let settings = self.settings();
        let bytes = settings.budget.of_limit(limits.memory_bytes);
        policy::Budget { bytes, warning: settings.warning, critical: settings.critical }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for room.
pub(super) struct WantsRoom {
    memory: Arc<Memory>,
    ticket: u64,
}

impl Drop for WantsRoom {
    fn drop(&mut self) {
        self.memory.wanted.lock().unwrap_or_else(PoisonError::into_inner).sessions.remove(&self.ticket);
    }
}
