//! How well a session does: latencies, lost sockets and acknowledgements, and from when on that is too bad. Pure.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    config,
    model::{Degradation, Latency},
};

/// How many heartbeats the latency is taken from: 20 minutes of them at the usual pace.
const HEARTBEATS_KEPT: usize = 40;
/// How many heartbeats say something about a session.
const HEARTBEATS_NEEDED: usize = 5;
const HOUR_MS: i64 = 3_600_000;
/// The most lost sockets that are remembered: one a second.
const DROPS_KEPT: usize = 3_600;

/// What is owed to the session right now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Owed {
    /// For how long the page owes an answer, in milliseconds.
    pub(super) answer_ms: u64,
    /// For how long a send waits while nothing is acknowledged, in milliseconds.
    pub(super) ack_ms: u64,
}

/// The quality of one session.
#[derive(Debug, Default)]
pub(super) struct Quality {
    latencies_ms: VecDeque<u64>,
    drops_ms: VecDeque<i64>,
    causes: BTreeSet<Degradation>,
}

impl Quality {
    /// A heartbeat's round trip.
    pub(super) fn note_latency(&mut self, latency_ms: u64) {
        if self.latencies_ms.len() >= HEARTBEATS_KEPT {
            self.latencies_ms.pop_front();
        }
        self.latencies_ms.push_back(latency_ms);
    }

    /// The socket was lost.
    pub(super) fn note_drop(&mut self, now_ms: i64) {
        if self.drops_ms.len() >= DROPS_KEPT {
            self.drops_ms.pop_front();
        }
        self.drops_ms.push_back(now_ms);
    }

    /// Another browser: the latency of the one before says nothing of it.
    pub(super) fn forget_latency(&mut self) {
        self.latencies_ms.clear();
    }

    /// Another login: how the connections of the one before did says nothing of it.
    pub(super) fn forget_drops(&mut self) {
        self.drops_ms.clear();
    }

    /// Nothing is sent, nor meant to be: nothing is degraded. True when something was.
    pub(super) fn excuse(&mut self) -> bool {
        !std::mem::take(&mut self.causes).is_empty()
    }

    /// None before the first heartbeat.
    pub(super) fn latency(&self) -> Option<Latency> {
        let mut sorted: Vec<u64> = self.latencies_ms.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Latency { p50_ms: at(50)?, p95_ms: at(95)? })
    }

    /// Lost sockets within the last hour.
    pub(super) fn drops(&self, now_ms: i64) -> usize {
        self.drops_ms.iter().filter(|at_ms| now_ms - **at_ms < HOUR_MS).count()
    }

    /// Why it is degraded.
    pub(super) fn causes(&self) -> Vec<Degradation> {
        self.causes.iter().copied().collect()
    }

    /// Looks anew; true when the causes changed. A cause goes only when things are clearly better than what brought it.
    pub(super) fn judge(&mut self, now_ms: i64, owed: Owed, limits: &config::Quality) -> bool {
        self.drops_ms.retain(|at_ms| now_ms - at_ms < HOUR_MS);
        let p95_ms =
            self.latency().filter(|_| self.latencies_ms.len() >= HEARTBEATS_NEEDED).map_or(0, |latency| latency.p95_ms);
        let drops = u64::try_from(self.drops_ms.len()).unwrap_or(u64::MAX);
        let drops_limit = u64::from(limits.drops_per_hour);
        let before = self.causes.clone();
        for (cause, value, comes_at, goes_below) in [
            (Degradation::Latency, p95_ms, limits.latency_ms, limits.latency_ms.saturating_mul(7) / 10),
            (Degradation::SocketDrops, drops, drops_limit, drops_limit.div_ceil(2)),
            (Degradation::Unanswered, owed.answer_ms, limits.unanswered_s.saturating_mul(1_000), 1),
            (Degradation::Acks, owed.ack_ms, limits.acks_s.saturating_mul(1_000), 1),
        ] {
            if value >= comes_at {
                self.causes.insert(cause);
            } else if value < goes_below.max(1) {
                self.causes.remove(&cause);
            }
        }
        self.causes != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: config::Quality =
        config::Quality { latency_ms: 1_000, drops_per_hour: 4, unanswered_s: 5, acks_s: 20 };

    #[test]
    fn the_latency_is_taken_from_the_last_heartbeats() {
        let mut quality = Quality::default();
        assert_eq!(quality.latency(), None);
        (1..=100).for_each(|ms| quality.note_latency(ms));
        assert_eq!(quality.latency(), Some(Latency { p50_ms: 80, p95_ms: 98 }), "of 61 to 100");
        quality.forget_latency();
        quality.note_latency(7);
        assert_eq!(quality.latency(), Some(Latency { p50_ms: 7, p95_ms: 7 }));
    }

    #[test]
    fn one_that_is_stopped_is_excused_until_it_sends_again_and_another_login_starts_anew() {
        let mut quality = Quality::default();
        (0..4).for_each(|at_ms| quality.note_drop(at_ms));
        let judge = |quality: &mut Quality| quality.judge(10, Owed::default(), &LIMITS);
        assert!(judge(&mut quality));
        assert!(quality.excuse(), "it was degraded");
        assert!(quality.causes().is_empty() && !quality.excuse());
        assert_eq!(quality.drops(10), 4, "the hour is not over");
        assert!(judge(&mut quality), "it is again");
        quality.forget_drops();
        assert!(judge(&mut quality) && quality.causes().is_empty());
        assert_eq!(quality.drops(10), 0);
    }

    #[test]
    fn a_slow_page_is_degraded_until_it_is_clearly_faster() {
        let mut quality = Quality::default();
        (0..4).for_each(|_| quality.note_latency(5_000));
        assert!(!quality.judge(0, Owed::default(), &LIMITS), "four heartbeats are too few");
        quality.note_latency(5_000);
        assert!(quality.judge(0, Owed::default(), &LIMITS));
        assert_eq!(quality.causes(), [Degradation::Latency]);
        (0..HEARTBEATS_KEPT).for_each(|_| quality.note_latency(900));
        assert!(!quality.judge(0, Owed::default(), &LIMITS), "just below is not good yet");
        (0..HEARTBEATS_KEPT).for_each(|_| quality.note_latency(600));
        assert!(quality.judge(0, Owed::default(), &LIMITS));
        assert!(quality.causes().is_empty());
    }

    #[test]
    fn lost_sockets_count_for_an_hour() {
        let mut quality = Quality::default();
        (0..4).for_each(|minute| quality.note_drop(minute * 60_000));
        assert!(quality.judge(200_000, Owed::default(), &LIMITS));
        assert!(!quality.judge(HOUR_MS + 1, Owed::default(), &LIMITS), "three of them are still many");
        assert_eq!(quality.drops(HOUR_MS + 1), 3);
        assert!(quality.judge(HOUR_MS + 120_001, Owed::default(), &LIMITS));
    }

    #[test]
    fn what_is_owed_degrades_until_it_comes() {
        let mut quality = Quality::default();
        assert!(!quality.judge(0, Owed { answer_ms: 4_999, ack_ms: 19_999 }, &LIMITS));
        assert!(quality.judge(0, Owed { answer_ms: 5_000, ack_ms: 20_000 }, &LIMITS));
        assert_eq!(quality.causes(), [Degradation::Unanswered, Degradation::Acks]);
        assert!(!quality.judge(0, Owed { answer_ms: 10, ack_ms: 10 }, &LIMITS));
        assert!(quality.judge(0, Owed::default(), &LIMITS));
    }
}
