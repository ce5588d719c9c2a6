//! `[memory]`.

use serde::Deserialize;

use super::size::{Budget, Size};

/// `[memory]`: how much all sessions may hold, and what follows when they hold more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// What drover and all its browsers may hold.
    pub budget: Budget,
    /// From which percentage of the budget on memory is short.
    pub warning: u64,
    /// From which percentage of the budget on sessions are put to sleep, and none more is started.
    pub critical: u64,
    /// What one session's browser may hold.
    pub session_max: Size,
    /// Seconds without anything after which a session may be put to sleep when memory is critical.
    pub idle_min_s: u64,
    /// Seconds after which a session that sleeps looks for what came in; 0 never does.
    pub wake_every_s: u64,
    /// Seconds without anything after which a session is put to sleep even if memory is plenty; 0 never does.
    pub idle_hibernate_after_s: u64,
    /// Seconds without anything after which a session makes room for one that waits for it.
    pub yield_after_s: u64,
    /// Seconds after which one that has messages left makes room for one that waits for it.
    pub turn_s: u64,
    /// Seconds between two measurements.
    pub sample_s: u64,
    /// Whether a session that sleeps counts as WORKING.
    pub hibernated_is_working: bool,
}
