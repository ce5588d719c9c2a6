//! Limits while Redis does not answer: the times of what happened, bucket by bucket, on this node.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    bounded::{Bounded, Bounds, Life},
    queue::{Rate, RateStanding},
};

/// When something happened in each window, the oldest first, in milliseconds.
type Bucket = Arc<Mutex<VecDeque<i64>>>;

/// How many buckets there are at most: keys, and addresses that tried wrong ones. Those beyond are forgotten, the one that was used
/// longest ago first.
const BUCKETS: u64 = 10_000;

#[derive(Debug)]
pub(super) struct Memory {
    buckets: Bounded<String, Bucket>,
}

impl Memory {
    /// `longest`: the longest of the windows; a bucket that was not used for that long has nothing that counts.
    pub(super) fn new(longest: Duration) -> Self {
        let bounds = Bounds { name: "request_limits", most: BUCKETS, life: Life::Used(longest) };
        Self { buckets: Bounded::new(bounds) }
    }

    /// Counts something in a bucket, if it still fits.
    pub(super) fn count(&self, bucket: &str, rate: Rate, now_ms: i64) -> RateStanding {
        let window_ms = i64::try_from(rate.window.as_millis()).unwrap_or(i64::MAX);
        let bucket = self.buckets.get_or_make(bucket.to_owned(), Bucket::default);
        let mut at_ms = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        while at_ms.front().is_some_and(|at_ms| now_ms - at_ms >= window_ms) {
            at_ms.pop_front();
        }
        let limit = usize::try_from(rate.limit).unwrap_or(usize::MAX);
        let until = |at_ms: i64| Duration::from_millis((at_ms + window_ms - now_ms).max(1).unsigned_abs());
        if at_ms.len() >= limit {
            let wait = until(at_ms[at_ms.len() - limit]);
            return RateStanding { wait: Some(wait), left: 0, reset: wait };
        }
        at_ms.push_back(now_ms);
        let left = u32::try_from(limit - at_ms.len()).unwrap_or(u32::MAX);
        RateStanding { wait: None, left, reset: until(at_ms[0]) }
    }

    /// Takes back what was counted last in a bucket.
    pub(super) fn take_back(&self, bucket: &str) {
        if let Some(bucket) = self.buckets.get(&bucket.to_owned()) {
            bucket.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { limit: 3, window: Duration::from_secs(900) };

    #[test]
    fn so_many_fit_into_every_window_and_no_more() {
        let memory = Memory::new(RATE.window);
        for (at_ms, left) in [(0, 2), (1000, 1), (2000, 0)] {
            let standing = memory.count("a", RATE, at_ms);
            assert_eq!((standing.wait, standing.left), (None, left));
        }
        let refused = memory.count("a", RATE, 3000);
        assert_eq!(refused.wait, Some(Duration::from_secs(897)));
        assert_eq!(memory.count("b", RATE, 3000).wait, None, "another bucket");
        assert_eq!(memory.count("a", RATE, 900_000).wait, None, "the first is over");
        assert!(memory.count("a", RATE, 900_999).wait.is_some());
        memory.take_back("a");
        assert_eq!(memory.count("a", RATE, 900_999).wait, None, "the last one is taken back");
        memory.take_back("unheard-of");
    }

    #[test]
    fn what_it_keeps_is_bounded() {
        let memory = Memory::new(RATE.window);
        for number in 0..3 * i64::try_from(BUCKETS).expect("some thousands") {
            memory.count(&number.to_string(), RATE, number);
            memory.count("busy", RATE, number);
        }
        assert_eq!(memory.buckets.len(), BUCKETS);
        assert_eq!(memory.count("busy", RATE, 900_000).left, 0, "it was used all the time, and keeps its count");
        assert_eq!(memory.count("0", RATE, 1).left, 2, "the first of them is forgotten");
    }
}
