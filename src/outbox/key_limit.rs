//! The limit of an API key while Redis is down: counted by this node, in memory. What Redis admitted is counted too, so that
//! a key does not get its share anew when Redis goes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::bounded::{Bounded, Bounds, Life};

const MINUTE_MS: i64 = 60_000;
/// The finest time that is told apart: it bounds what a key costs to a minute's worth of entries.
const STEP_MS: i64 = 500;
/// More keys than that do not hand anything in within one minute.
const BOUNDS: Bounds = Bounds { name: "key_limits", most: 10_000, life: Life::Used(Duration::from_secs(61)) };

/// What a key handed in during the last minute: (end of the step, how many), the oldest first.
type Steps = VecDeque<(i64, u32)>;

/// The steps of each key.
#[derive(Debug)]
pub(super) struct KeyLimit {
    by_key: Bounded<String, Arc<Mutex<Steps>>>,
}

impl Default for KeyLimit {
    fn default() -> Self {
        Self { by_key: Bounded::new(BOUNDS) }
    }
}

impl KeyLimit {
    /// Notes a message that was admitted elsewhere.
    pub(super) fn count(&self, key: &str, now_ms: i64) {
        self.with_steps(key, now_ms, |steps| note(steps, now_ms));
    }

    /// Counts a message, if it still fits; else after how long the next one does.
    pub(super) fn admit(&self, key: &str, per_minute: u32, now_ms: i64) -> Option<Duration> {
        self.with_steps(key, now_ms, |steps| {
            let mut left = per_minute;
            // From the latest back: the step with which the limit is reached must be a minute old before one more fits.
            for (end_ms, messages) in steps.iter().rev() {
                if *messages >= left {
                    let wait_ms = (end_ms + MINUTE_MS - now_ms).max(1);
                    return Some(Duration::from_millis(wait_ms.cast_unsigned()));
                }
                left -= messages;
            }
            note(steps, now_ms);
            None
        })
    }

    fn with_steps<T>(&self, key: &str, now_ms: i64, change: impl FnOnce(&mut Steps) -> T) -> T {
        let steps = self.by_key.get_or_make(key.to_owned(), Arc::default);
        let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
        while steps.front().is_some_and(|(end_ms, _)| *end_ms <= now_ms - MINUTE_MS) {
            steps.pop_front();
        }
        change(&mut steps)
    }
}

fn note(steps: &mut Steps, now_ms: i64) {
    let end_ms = now_ms - now_ms.rem_euclid(STEP_MS) + STEP_MS;
    match steps.back_mut() {
        Some((latest_ms, messages)) if *latest_ms >= end_ms => *messages = messages.saturating_add(1),
        _ => steps.push_back((end_ms, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    #[test]
    fn a_key_has_its_share_of_every_minute() {
        let limit = KeyLimit::default();
        assert_eq!(limit.admit("a", 3, NOW_MS), None);
        limit.count("a", NOW_MS + 10_000);
        assert_eq!(limit.admit("a", 3, NOW_MS + 20_000), None);
        let wait = limit.admit("a", 3, NOW_MS + 30_000).expect("the fourth");
        assert_eq!(wait, Duration::from_millis(30_500));
        assert_eq!(limit.admit("b", 3, NOW_MS + 30_000), None, "another key has its own");
        assert!(limit.admit("a", 3, NOW_MS + 60_400).is_some());
        assert_eq!(limit.admit("a", 3, NOW_MS + 60_500), None, "the first is a minute old");
        assert!(limit.admit("a", 3, NOW_MS + 60_501).is_some());
    }

    #[test]
    fn what_it_keeps_is_bounded() {
        let limit = KeyLimit::default();
        for number in 0..100_000 {
            limit.count("busy", NOW_MS + number);
            limit.count(&number.to_string(), NOW_MS + number);
        }
        let busy = limit.by_key.get(&"busy".to_owned()).expect("it was used all the time");
        let (steps, keys) = (busy.lock().expect("nobody panicked").len(), limit.by_key.len());
        assert!(steps <= 121 && keys <= BOUNDS.most, "{steps} {keys}");
    }
}
