//! What others see of memory.

use metrics::gauge;

use super::policy::Level;
use crate::{
    host::{MachineLimits, TreeMemory},
    model::SessionName,
};

/// How memory stands, as it was measured last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryView {
    /// Unix milliseconds of the measurement; None before the first.
    pub measured_at_ms: Option<i64>,
    /// What may be held, in bytes; `u64::MAX` where nothing limits it.
    pub budget_bytes: u64,
    /// What is held, and set aside for browsers that start, in bytes.
    pub used_bytes: u64,
    /// What the machine or the container has.
    pub limits: MachineLimits,
    /// How tight it is.
    pub level: Level,
    /// What drover itself holds.
    pub own: TreeMemory,
    /// What its other children hold, such as a private Redis.
    pub others: TreeMemory,
    /// The sessions with a browser, by name.
    pub sessions: Vec<SessionMemory>,
    /// Who would be put to sleep first.
    pub eviction_order: Vec<SessionName>,
    /// How many starts wait for room.
    pub waiting_for_room: usize,
}

/// What one session's browser holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionMemory {
    /// Which session.
    pub name: SessionName,
    /// Its process tree.
    pub held: TreeMemory,
    /// For how long it was not used, in milliseconds.
    pub idle_ms: i64,
    /// Whether it is never put to sleep.
    pub is_pinned: bool,
}

#[expect(clippy::cast_precision_loss, reason = "amounts of memory on one machine")]
fn set(name: &'static str, value: u64) {
    gauge!(name).set(value as f64);
}

#[expect(clippy::cast_precision_loss, reason = "amounts of memory on one machine")]
fn set_of(name: &'static str, session: &SessionName, value: u64) {
    gauge!(name, "session" => session.to_string()).set(value as f64);
}

impl MemoryView {
    /// Shows it as metrics; those of sessions that `before` had and this one has not go to zero.
    pub(super) fn meter(&self, before: &Self) {
        set("drover_memory_used_bytes", self.used_bytes);
        // Where nothing limits it, 0 says so.
        set("drover_memory_budget_bytes", if self.budget_bytes == u64::MAX { 0 } else { self.budget_bytes });
        set("drover_memory_limit_bytes", self.limits.memory_bytes.unwrap_or(0));
        set("drover_memory_level", self.level as u64);
        set("drover_memory_own_bytes", self.own.private_bytes);
        set("drover_memory_children_bytes", self.others.private_bytes);
        set("drover_tasks", self.limits.tasks_current.unwrap_or(0));
        set("drover_tasks_max", self.limits.tasks_max.unwrap_or(0));
        set("drover_sessions_waiting_for_room", self.waiting_for_room as u64);
        for session in &self.sessions {
            set_of("drover_session_memory_private_bytes", &session.name, session.held.private_bytes);
            set_of("drover_session_memory_pss_bytes", &session.name, session.held.pss_bytes);
            set_of("drover_session_processes", &session.name, session.held.processes.into());
        }
        for gone in &before.sessions {
            if self.sessions.iter().all(|session| session.name != gone.name) {
                set_of("drover_session_memory_private_bytes", &gone.name, 0);
                set_of("drover_session_memory_pss_bytes", &gone.name, 0);
                set_of("drover_session_processes", &gone.name, 0);
            }
        }
    }
}
