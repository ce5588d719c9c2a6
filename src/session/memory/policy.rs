//! What follows from how much memory is held, as pure functions: how tight it is, and which session makes room next.
//!
//! Invariants, held by property tests: nobody is put to sleep who sends, is linked or synced, was linked just now, or is pinned; under
//! pressure nobody who has something to do; and of any number of sessions with work, each gets its turn, whatever room there is.

use serde::Serialize;

use crate::model::SessionName;

/// How tight memory is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// There is plenty.
    #[default]
    Normal,
    /// It gets scarce.
    Warning,
    /// It is scarce.
    Critical,
}

/// What is held against what may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// In bytes.
    pub(super) bytes: u64,
    /// Of 100 of the budget.
    pub(super) warning: u64,
    /// Of 100 of the budget.
    pub(super) critical: u64,
}

/// So many hundredths of the budget below its threshold a level ends, so that it does not come and go.
const HYSTERESIS: u64 = 5;

impl Budget {
    /// What may be held before memory counts as critical, in bytes: no start may exceed it.
    pub(super) fn ceiling_bytes(&self) -> u64 {
        self.share(self.critical)
    }

    fn share(&self, percent: u64) -> u64 {
        self.bytes / 100 * percent + self.bytes % 100 * percent / 100
    }

    /// How tight it is now; a level that was reached ends only some way below.
    pub(super) fn level(&self, used_bytes: u64, before: Level) -> Level {
        let reaches = |percent: u64, level: Level| {
            let kept = if before >= level { percent.saturating_sub(HYSTERESIS) } else { percent };
            used_bytes >= self.share(kept).max(1)
        };
        if reaches(self.critical, Level::Critical) {
            Level::Critical
        } else if reaches(self.warning, Level::Warning) {
            Level::Warning
        } else {
            Level::Normal
        }
    }
}

/// A session with a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) name: SessionName,
    /// For how long nothing went, came, or was asked, in milliseconds.
    pub(super) idle_ms: i64,
    /// For how long it is up, in milliseconds.
    pub(super) awake_ms: i64,
    /// Messages are due, or claimed.
    pub(super) has_work: bool,
    pub(super) guard: Guard,
    /// It was woken to look for what came in, and for nothing else.
    pub(super) is_visit: bool,
}

/// What forbids a sleep, whatever the need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Guard {
    /// It is not up: it starts, waits for a scan, is linked or syncs.
    pub(super) is_not_up: bool,
    /// A message is in its hands.
    pub(super) is_sending: bool,
    /// Its owner wants it awake.
    pub(super) is_pinned: bool,
}

impl Guard {
    fn forbids(self) -> bool {
        self.is_not_up || self.is_sending || self.is_pinned
    }
}

/// From when on a session may be put to sleep, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) idle_min_ms: i64,
    /// 0: never.
    pub(super) idle_hibernate_after_ms: i64,
    pub(super) yield_after_ms: i64,
    pub(super) turn_ms: i64,
}

/// How long a session that looks for what came in stays at least, in milliseconds: its page asks its servers within seconds.
const VISIT_MS: i64 = 30_000;

/// Why a session is put to sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Memory is critical.
    Pressure,
    /// Another one waits for room.
    Room,
    /// It had its turn, and another one waits for room.
    Turn,
    /// Nothing happened for long.
    Idle,
    /// It has looked for what came in.
    Visited,
}

/// What is needed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Need {
    /// Memory is critical.
    pub(super) relief: bool,
    /// Somebody waits for room.
    pub(super) room: bool,
}

/// The next one to sleep, and why; None when nobody has to, or may.
pub(super) fn next_to_sleep(candidates: &[Candidate], need: Need, rules: &Rules) -> Option<(SessionName, Cause)> {
    let pick = |cause: Cause| best(candidates, cause, rules).map(|candidate| (candidate.name.clone(), cause));
    let by_need = || {
        let relief = need.relief.then(|| pick(Cause::Pressure)).flatten();
        let room = || need.room.then(|| pick(Cause::Room).or_else(|| pick(Cause::Turn))).flatten();
        relief.or_else(room)
    };
    by_need().or_else(|| pick(Cause::Visited)).or_else(|| pick(Cause::Idle))
}

/// In which order they would be put to sleep if memory were critical now: those that may sleep before those that have had too short a
/// rest, and these before those with work. Who never sleeps is not in it.
pub(super) fn eviction_order(candidates: &[Candidate], rules: &Rules) -> Vec<SessionName> {
    let mut order: Vec<&Candidate> = candidates.iter().filter(|candidate| !candidate.guard.forbids()).collect();
    order.sort_by_key(|candidate| {
        let is_next = applies(candidate, Cause::Pressure, rules);
        (!is_next, candidate.has_work, -candidate.idle_ms, candidate.name.clone())
    });
    order.into_iter().map(|candidate| candidate.name.clone()).collect()
}

/// The first of those to whom a cause applies: idle longest, or awake longest.
fn best<'a>(candidates: &'a [Candidate], cause: Cause, rules: &Rules) -> Option<&'a Candidate> {
    let who = candidates.iter().filter(|candidate| applies(candidate, cause, rules));
    match cause {
        Cause::Turn => who.max_by_key(|candidate| candidate.awake_ms),
        _ => who.max_by_key(|candidate| candidate.idle_ms),
    }
}

fn applies(candidate: &Candidate, cause: Cause, rules: &Rules) -> bool {
    if candidate.guard.forbids() {
        return false;
    }
    let rests = |for_ms: i64| !candidate.has_work && candidate.idle_ms >= for_ms;
    match cause {
        Cause::Pressure => rests(rules.idle_min_ms),
        Cause::Room => rests(rules.yield_after_ms),
        Cause::Turn => candidate.has_work && candidate.awake_ms >= rules.turn_ms,
        Cause::Idle => rules.idle_hibernate_after_ms > 0 && rests(rules.idle_hibernate_after_ms),
        Cause::Visited => candidate.is_visit && candidate.awake_ms >= VISIT_MS && rests(rules.yield_after_ms),
    }
}

#[cfg(test)]
mod tests;
