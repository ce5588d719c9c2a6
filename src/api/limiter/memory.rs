//! Limits while Redis does not answer: the times of what happened, bucket by bucket, on this node.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::queue::{Rate, RateStanding};

/// When something happened, the oldest first, and for how long it counts, in milliseconds.
#[derive(Debug, Default)]
struct Bucket {
    at_ms: VecDeque<i64>,
    window_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Memory {
    /// Counts something in a bucket, if it still fits.
    pub(super) fn count(&self, bucket: &str, rate: Rate, now_ms: i64) -> RateStanding {
        let window_ms = i64::try_from(rate.window.as_millis()).unwrap_or(i64::MAX);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // Buckets in which nothing counts any more, each time their number has doubled.
        if buckets.len() >= 64 && buckets.len().is_power_of_two() && !buckets.contains_key(bucket) {
            buckets.retain(|_, bucket| bucket.at_ms.back().is_some_and(|at_ms| now_ms - at_ms < bucket.window_ms));
        }
        let bucket = buckets.entry(bucket.to_owned()).or_default();
        bucket.window_ms = window_ms;
        while bucket.at_ms.front().is_some_and(|at_ms| now_ms - at_ms >= window_ms) {
            bucket.at_ms.pop_front();
        }
        let limit = usize::try_from(rate.limit).unwrap_or(usize::MAX);
        let until = |at_ms: i64| Duration::from_millis((at_ms + window_ms - now_ms).max(1).unsigned_abs());
        if bucket.at_ms.len() >= limit {
            let wait = until(bucket.at_ms[bucket.at_ms.len() - limit]);
            return RateStanding { wait: Some(wait), left: 0, reset: wait };
        }
        bucket.at_ms.push_back(now_ms);
        let left = u32::try_from(limit - bucket.at_ms.len()).unwrap_or(u32::MAX);
        RateStanding { wait: None, left, reset: until(bucket.at_ms[0]) }
    }

    /// Takes back what was counted last in a bucket.
    pub(super) fn take_back(&self, bucket: &str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(bucket) {
            bucket.at_ms.pop_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { limit: 3, window: Duration::from_secs(900) };

    #[test]
    fn so_many_fit_into_every_window_and_no_more() {
        let memory = Memory::default();
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
        let memory = Memory::default();
        for number in 0..10_000 {
            memory.count(&number.to_string(), RATE, number * 1_000_000);
            memory.count("busy", RATE, number);
        }
        let buckets = memory.buckets.lock().expect("nobody panicked");
        assert!(buckets.len() <= 128 && buckets["busy"].at_ms.len() <= 3, "{}", buckets.len());
    }
}
