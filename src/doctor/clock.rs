//! The clock: set at all, going evenly, and the same as that of the servers. Leases and limits run on Redis' clock; a phone
//! shows the times that this one gives.

use std::time::{Duration, Instant};

use super::Finding;
use crate::clock::{Clock, SystemClock};

const CHECK: &str = "clock";
/// When this was written (2026-01-01): no clock that is set says less.
const EARLIEST_S: u64 = 1_767_225_600;
const FAR_MS: u64 = 60_000;
const OFF_MS: u64 = 2_000;
const JUMP_MS: i64 = 500;

/// Both clocks, started together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch {
    steady: Instant,
    wall_ms: i64,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { steady: Instant::now(), wall_ms: SystemClock.now_ms() }
    }

    /// How much further the wall clock went than the steady one, in milliseconds.
    fn jumped_ms(self) -> i64 {
        let steady_ms = i64::try_from(self.steady.elapsed().as_millis()).unwrap_or(i64::MAX);
        SystemClock.now_ms() - self.wall_ms - steady_ms
    }
}

/// Holds the clock against itself and against those of the servers: how far each is ahead of ours, in milliseconds.
pub(super) fn examine(started: Stopwatch, others: &[(&str, Option<i64>)]) -> Finding {
    let since_epoch = Duration::from_millis(SystemClock.now_ms().try_into().unwrap_or_default());
    judge(since_epoch, started.jumped_ms(), others)
}

fn judge(since_epoch: Duration, jumped_ms: i64, others: &[(&str, Option<i64>)]) -> Finding {
    let advice =
        "let the time be set by the network (timedatectl set-ntp true, or chrony), on the host for a container";
    if since_epoch.as_secs() < EARLIEST_S {
        return Finding::fail(CHECK, format!("it is not set: {} s since 1970", since_epoch.as_secs()), advice);
    }
    let known = others.iter().filter_map(|(name, ahead_ms)| Some((*name, (*ahead_ms)?)));
    let Some((name, ahead_ms)) = known.max_by_key(|(_, ahead_ms)| ahead_ms.unsigned_abs()) else {
        return steady(jumped_ms, "it is set, and goes evenly".to_owned(), advice);
    };
    let word = if ahead_ms > 0 { "behind" } else { "ahead of" };
    let found = format!("{} ms {word} {name}", ahead_ms.unsigned_abs());
    match ahead_ms.unsigned_abs() {
        FAR_MS.. => Finding::fail(CHECK, found, advice),
        OFF_MS..FAR_MS => Finding::warn(CHECK, found, advice),
        _ => steady(jumped_ms, found, advice),
    }
}

fn steady(jumped_ms: i64, found: String, advice: &str) -> Finding {
    if jumped_ms.abs() < JUMP_MS {
        return Finding::ok(CHECK, found);
    }
    Finding::warn(CHECK, format!("it jumped by {jumped_ms} ms while this was looked at"), advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_that_is_off_is_told() {
        let now = Duration::from_secs(EARLIEST_S + 1);
        let verdict = |jumped_ms, redis| judge(now, jumped_ms, &[("Redis", redis), ("the database", None)]).verdict;
        assert_eq!(verdict(0, None), Verdict::Ok);
        assert_eq!(verdict(3, Some(-40)), Verdict::Ok);
        assert_eq!(verdict(0, Some(5_000)), Verdict::Warn);
        assert_eq!(verdict(0, Some(-90_000)), Verdict::Fail);
        assert_eq!(verdict(-3_600_000, None), Verdict::Warn);
        assert_eq!(judge(Duration::from_secs(100), 0, &[]).verdict, Verdict::Fail);
        let behind = judge(now, 0, &[("Redis", Some(5_000))]).found;
        assert_eq!(behind, "5000 ms behind Redis");
    }

    #[test]
    fn a_stopwatch_that_was_just_started_has_not_jumped() {
        assert!(Stopwatch::start().jumped_ms().abs() < JUMP_MS);
    }
}
