//! Which browser may start, and when: a pure policy over the starts under way, the pages that were just linked, and what the machine
//! has left.
//!
//! A start holds a place until its page is loaded, since loading is what costs; at most for [`Limits::hold_ms`], so that one that
//! hangs delays nobody for long. A page that was just linked unlinks itself when it syncs too slowly (whatsapp-web.md): it holds a
//! place, too, for as long as its first sync takes, and for as long as its history may take, but then only while others are left.
//!
//! Invariants, held by property tests: never more starts than places, never a start for which memory or tasks are short; whoever
//! waits starts once there is room, the operators' before the others' but never two in a row past one that waits longer.

use std::collections::VecDeque;

use crate::{config, host::Headroom, model::Reason};

/// A start that waits or is under way, or a page that syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// Who wants a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for it.
    Operator,
    /// drover itself: at boot, or after trouble.
    Background,
}

/// Why a start has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Others start, or come first.
    Turn,
    /// A page that was just linked syncs, and must not be slowed down.
    Linking,
    /// There is too little memory.
    Memory,
    /// There are too few processes left.
    Tasks,
    /// The memory budget is full.
    Budget,
    /// Somebody works on its login.
    Held,
}

impl Wait {
    /// For the session's view.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Turn => Reason::new("waiting_for_its_turn", "other browsers are starting; this one follows"),
            Self::Linking => Reason::new(
                "waiting_for_linking",
                "a phone was linked just now and its page syncs undisturbed; this browser starts after it",
            ),
            Self::Memory => Reason::new(
                "waiting_for_memory",
                "too little memory is free for another browser; it starts when there is more (see [admission] of the settings)",
            ),
            Self::Budget => Reason::new(
                "waiting_for_room",
                "the memory budget is full; it starts when another session has gone to sleep. If none ever does, raise memory.budget or unpin one",
            ),
            Self::Held => Reason::new("held", "its login is being saved; it starts as soon as that is done"),
            Self::Tasks => Reason::new(
                "waiting_for_processes",
                "too few processes are left for another browser (pids.max); it starts when there are more, or the limit is raised",
            ),
        }
    }
}

/// The policy's figures.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Starts under way at a time.
    pub starts: usize,
    /// What a browser needs while it loads, in bytes.
    pub memory_per_start_bytes: u64,
    /// What must be left beside, in bytes.
    pub memory_reserve_bytes: u64,
    /// Processes and threads of a browser.
    pub tasks_per_start: u64,
    /// Milliseconds between two starts.
    pub spacing_ms: i64,
    /// How long a start counts as one, in milliseconds.
    pub hold_ms: i64,
    /// How long a page that was just linked counts as one, in milliseconds.
    pub link_ms: i64,
    /// How long a page that brings in its history counts as one, in milliseconds.
    pub history_ms: i64,
}

/// A page that was just linked has 180 s for each of its two syncs.
const LINK_MS: i64 = 380_000;
const HISTORY_MS: i64 = 180_000;
const MIB: u64 = 1 << 20;

impl Limits {
    /// From the settings; `cores` decides where they leave the number of starts open.
    #[must_use]
    pub fn new(settings: &config::Admission, cores: usize) -> Self {
        let starts = usize::try_from(settings.starts).unwrap_or(usize::MAX);
        Self {
            starts: if starts == 0 { cores.max(1).saturating_mul(STARTS_PER_CORE) } else { starts },
            memory_per_start_bytes: settings.memory_per_start_mb.saturating_mul(MIB),
            memory_reserve_bytes: settings.memory_reserve_mb.saturating_mul(MIB),
            tasks_per_start: settings.tasks_per_start,
            spacing_ms: i64::try_from(settings.spacing_ms).unwrap_or(i64::MAX),
            hold_ms: i64::try_from(settings.hold_s.saturating_mul(1_000)).unwrap_or(i64::MAX),
            link_ms: LINK_MS,
            history_ms: HISTORY_MS,
        }
    }
}

/// Measured (docs/benchmarks.md): a start waits as often as it computes; with more of them each takes longer than it is worth.
const STARTS_PER_CORE: usize = 2;

/// What [`Admission::ask`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start now.
    Go,
    /// Not yet; at `again_at_ms` something changes by itself.
    Wait {
        /// Why.
        why: Wait,
        /// Unix milliseconds.
        again_at_ms: i64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Place {
    ticket: Ticket,
    until_ms: i64,
}

/// Memory and processes are looked at again after so many milliseconds.
const LOOK_AGAIN_MS: i64 = 1_000;

/// The queue of starts, and the places.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    issued: u64,
    waiting: VecDeque<(Ticket, Priority)>,
    starting: Vec<Place>,
    linking: Vec<Place>,
    history: Vec<Place>,
    last_start_ms: Option<i64>,
    /// The last one that started came before one that waited longer.
    has_jumped: bool,
}

impl Admission {
    /// Nothing waits, nothing starts.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            issued: 0,
            waiting: VecDeque::new(),
            starting: Vec::new(),
            linking: Vec::new(),
            history: Vec::new(),
            last_start_ms: None,
            has_jumped: false,
        }
    }

    fn issue(&mut self) -> Ticket {
        self.issued += 1;
        Ticket(self.issued)
    }

    /// Somebody wants to start.
    pub fn join(&mut self, priority: Priority) -> Ticket {
        let ticket = self.issue();
        self.waiting.push_back((ticket, priority));
        ticket
    }

    /// A page was linked and syncs from now on.
    pub fn link(&mut self, now_ms: i64) -> Ticket {
        let ticket = self.issue();
        self.linking.push(Place { ticket, until_ms: now_ms.saturating_add(self.limits.link_ms) });
        ticket
    }

    /// A page brings in its history from now on.
    pub fn bring_in_history(&mut self, now_ms: i64) -> Ticket {
        let ticket = self.issue();
        self.history.push(Place { ticket, until_ms: now_ms.saturating_add(self.limits.history_ms) });
        ticket
    }

    /// It waits, starts or syncs no longer.
    pub fn leave(&mut self, ticket: Ticket) {
        self.waiting.retain(|(waiting, _)| *waiting != ticket);
        self.starting.retain(|place| place.ticket != ticket);
        self.linking.retain(|place| place.ticket != ticket);
        self.history.retain(|place| place.ticket != ticket);
    }

    /// How many wait, and how many start.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.waiting.len(), self.starting.len())
    }

    /// Whether the one with this ticket may start now. If so it holds a place from now on, until it leaves.
    /// `fits`: whether its memory is within the budget.
    pub fn ask(&mut self, ticket: Ticket, now_ms: i64, left: Headroom, fits: bool) -> Verdict {
        self.starting.retain(|place| place.until_ms > now_ms);
        self.linking.retain(|place| place.until_ms > now_ms);
        self.history.retain(|place| place.until_ms > now_ms);
        if let Some((why, again_at_ms)) = self.shortage(now_ms, left) {
            return Verdict::Wait { why, again_at_ms };
        }
        let Some(next) = self.next().filter(|next| self.waiting[*next].0 == ticket) else {
            let why = if fits { Wait::Turn } else { Wait::Budget };
            return Verdict::Wait { why, again_at_ms: now_ms.saturating_add(LOOK_AGAIN_MS) };
        };
        if !fits {
            // Whoever is next keeps its turn: one that needs less must not starve it.
            return Verdict::Wait { why: Wait::Budget, again_at_ms: now_ms.saturating_add(LOOK_AGAIN_MS) };
        }
        self.has_jumped = next > 0;
        self.waiting.remove(next);
        self.last_start_ms = Some(now_ms);
        self.starting.push(Place { ticket, until_ms: now_ms.saturating_add(self.limits.hold_ms) });
        Verdict::Go
    }

    /// Whose turn it is: an operator's first, but not past the one that waits longest twice in a row.
    fn next(&self) -> Option<usize> {
        let operator = self.waiting.iter().position(|(_, priority)| *priority == Priority::Operator);
        let first = (!self.waiting.is_empty()).then_some(0);
        operator.filter(|_| !self.has_jumped).or(first)
    }

    /// Why nobody may start, and until when at least.
    fn shortage(&self, now_ms: i64, left: Headroom) -> Option<(Wait, i64)> {
        let limits = &self.limits;
        let taken = self.starting.len() + self.linking.len();
        // Histories slow others down, but do not keep them: one start at a time is left.
        let is_held_for_histories = !self.starting.is_empty() && taken + self.history.len() >= limits.starts;
        if taken >= limits.starts || is_held_for_histories {
            let why = if self.starting.len() >= limits.starts { Wait::Turn } else { Wait::Linking };
            let first =
                self.starting.iter().chain(&self.linking).chain(&self.history).map(|place| place.until_ms).min();
            return Some((why, first.unwrap_or(now_ms)));
        }
        let look_again = now_ms.saturating_add(LOOK_AGAIN_MS);
        // What starts already has not taken all that it will.
        let starts = u64::try_from(taken).unwrap_or(u64::MAX).saturating_add(1);
        let memory = limits.memory_per_start_bytes.saturating_mul(starts).saturating_add(limits.memory_reserve_bytes);
        if left.memory_bytes.is_some_and(|bytes| bytes < memory) {
            return Some((Wait::Memory, look_again));
        }
        if left.tasks.is_some_and(|tasks| tasks < limits.tasks_per_start.saturating_mul(starts)) {
            return Some((Wait::Tasks, look_again));
        }
        let rested_at_ms = self.last_start_ms.map_or(now_ms, |last| last.saturating_add(limits.spacing_ms));
        // A clock that was set back must not stop everything.
        let is_resting = rested_at_ms > now_ms && rested_at_ms <= now_ms.saturating_add(limits.spacing_ms);
        is_resting.then_some((Wait::Turn, rested_at_ms))
    }
}

#[cfg(test)]
mod tests;
