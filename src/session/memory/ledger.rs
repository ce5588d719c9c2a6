//! Who holds how much: what was measured last, and what is set aside for browsers that start. Pure.
//!
//! A browser counts from the moment in which it may start until it has ended, so that two starts never share the same room, and the
//! room of one that sleeps is there at once.

use std::collections::BTreeMap;

use crate::{
    host::{MemoryUse, TreeMemory},
    model::SessionName,
};

/// For so long after its start a browser counts with what is set aside for it, if it holds less: it is still loading.
const LOADING_MS: i64 = 30_000;

/// What one session's browser holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Holding {
    /// None before it runs.
    process_group: Option<u32>,
    held: TreeMemory,
    set_aside_bytes: u64,
    /// Unix milliseconds of its start.
    since_ms: i64,
}

/// The account.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    browsers: BTreeMap<SessionName, Holding>,
    /// What each session held when it was measured last; also of those that sleep.
    known_bytes: BTreeMap<SessionName, u64>,
    own: TreeMemory,
    others: TreeMemory,
    /// For a session of which nothing is known, while nothing is known of any other.
    first_guess_bytes: u64,
}

impl Ledger {
    pub(super) fn new(first_guess_bytes: u64) -> Self {
        Self { first_guess_bytes, ..Self::default() }
    }

    /// What a session's browser will hold, in bytes: what it held last, else what the others hold, the middle one.
    pub(super) fn guess_bytes(&self, session: &SessionName) -> u64 {
        if let Some(bytes) = self.known_bytes.get(session) {
            return *bytes;
        }
        let mut all: Vec<u64> = self.known_bytes.values().copied().collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(self.first_guess_bytes)
    }

    /// All that is held or set aside, in bytes.
    pub(super) fn used_bytes(&self, now_ms: i64) -> u64 {
        let browsers: u64 = self.browsers.values().map(|holding| holding.counts_bytes(now_ms)).sum();
        browsers + self.base_bytes()
    }

    /// What drover itself and its Redis hold, in bytes.
    fn base_bytes(&self) -> u64 {
        self.own.private_bytes + self.others.private_bytes
    }

    /// Whether one more browser fits below the ceiling. One always does: without any nothing could be sent at all.
    pub(super) fn fits(&self, session: &SessionName, ceiling_bytes: u64, now_ms: i64) -> bool {
        let others_bytes: u64 = self
            .browsers
            .iter()
            .filter(|(name, _)| *name != session)
            .map(|(_, holding)| holding.counts_bytes(now_ms))
            .sum();
        let has_others = self.browsers.keys().any(|name| name != session);
        !has_others || others_bytes + self.base_bytes() + self.guess_bytes(session) <= ceiling_bytes
    }

    /// A browser may start: its room is taken.
    pub(super) fn set_aside(&mut self, session: &SessionName, now_ms: i64) {
        let set_aside_bytes = self.guess_bytes(session);
        let holding = Holding { set_aside_bytes, since_ms: now_ms, ..Holding::default() };
        self.browsers.insert(session.clone(), holding);
    }

    /// It runs as this process group.
    pub(super) fn launched(&mut self, session: &SessionName, process_group: u32) {
        if let Some(holding) = self.browsers.get_mut(session) {
            holding.process_group = Some(process_group).filter(|group| *group > 0);
        }
    }

    /// It has ended; whether there was one.
    pub(super) fn ended(&mut self, session: &SessionName) -> bool {
        self.browsers.remove(session).is_some()
    }

    /// The session is no more.
    pub(super) fn forget(&mut self, session: &SessionName) {
        self.known_bytes.remove(session);
    }

    /// The process groups to measure.
    pub(super) fn process_groups(&self) -> Vec<u32> {
        self.browsers.values().filter_map(|holding| holding.process_group).collect()
    }

    /// Takes a measurement over. What ended meanwhile is not in it any more.
    pub(super) fn measured(&mut self, used: &MemoryUse) {
        self.own = used.own;
        self.others = used.others;
        for (session, holding) in &mut self.browsers {
            let Some(held) = holding.process_group.and_then(|group| used.trees.get(&group)) else { continue };
            // Nothing: it ends right now.
            if held.processes > 0 {
                holding.held = *held;
                self.known_bytes.insert(session.clone(), held.private_bytes);
            }
        }
    }

    /// What each session with a browser holds, and since when it has one (Unix milliseconds).
    pub(super) fn of_sessions(&self) -> impl Iterator<Item = (&SessionName, TreeMemory, i64)> {
        self.browsers.iter().map(|(session, holding)| (session, holding.held, holding.since_ms))
    }

    /// What drover itself holds, and its other children.
    pub(super) fn of_drover(&self) -> (TreeMemory, TreeMemory) {
        (self.own, self.others)
    }
}

impl Holding {
    fn counts_bytes(&self, now_ms: i64) -> u64 {
        let is_loading = self.held.processes == 0 || now_ms.saturating_sub(self.since_ms) < LOADING_MS;
        if is_loading { self.held.private_bytes.max(self.set_aside_bytes) } else { self.held.private_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SessionName {
        text.parse().expect("a name")
    }

    fn tree(private_bytes: u64) -> TreeMemory {
        TreeMemory { private_bytes, pss_bytes: private_bytes, processes: 5 }
    }

    #[test]
    fn what_starts_counts_before_it_is_measured_and_what_ended_at_once_no_longer() {
        let (one, two) = (name("one"), name("two"));
        let mut ledger = Ledger::new(100);
        assert!(ledger.fits(&one, 0, 0), "the first one always fits");
        ledger.set_aside(&one, 0);
        assert!(!ledger.fits(&two, 199, 0) && ledger.fits(&two, 200, 0));
        ledger.launched(&one, 7);
        let used = MemoryUse { trees: BTreeMap::from([(7, tree(60))]), own: tree(10), others: tree(5) };
        ledger.measured(&used);
        assert_eq!(ledger.used_bytes(0), 115, "it still loads");
        assert_eq!(ledger.used_bytes(LOADING_MS), 75);
        assert_eq!(ledger.guess_bytes(&two), 60, "as the others do");
        ledger.set_aside(&two, LOADING_MS);
        assert_eq!(ledger.used_bytes(LOADING_MS), 135);
        assert!(ledger.ended(&one) && !ledger.ended(&one));
        assert_eq!(ledger.used_bytes(LOADING_MS), 75);
        assert_eq!(ledger.guess_bytes(&one), 60, "as it held last");
        assert_eq!(ledger.process_groups(), Vec::<u32>::new());
    }

    #[test]
    fn a_session_that_comes_back_does_not_count_twice() {
        let one = name("one");
        let mut ledger = Ledger::new(100);
        ledger.set_aside(&one, 0);
        assert!(ledger.fits(&one, 100, 0));
    }
}
