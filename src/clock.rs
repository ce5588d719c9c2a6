//! Time, injected: tests own it, and no other module asks the system for it.

use std::{
    fmt::Debug,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Unix time in milliseconds. It jumps when somebody sets the machine's clock: for what is stored or shown, and for what is due
    /// at a time of day.
    fn now_ms(&self) -> i64;

    /// Milliseconds that pass as time does, whatever becomes of the machine's clock: for how long something may last within this
    /// process. Near [`Self::now_ms`] as long as nobody sets the clock; worth nothing in another process. One that a test owns
    /// jumps only if it says so.
    fn steady_ms(&self) -> i64 {
        self.now_ms()
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn steady_ms(&self) -> i64 {
        static BEGAN: OnceLock<(Instant, i64)> = OnceLock::new();
        let (began, began_ms) = BEGAN.get_or_init(|| (Instant::now(), self.now_ms()));
        began_ms.saturating_add(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// The time of day by which something is old enough to be removed. It follows the machine's clock back at once, and ahead only a day
/// later: what a clock makes old that is wrong for a while is still there when it is right again.
#[derive(Debug, Default)]
pub struct AgeClock(Mutex<Option<Believed>>);

/// How far the machine's clock is believed to be ahead of the steady one.
#[derive(Debug, Clone, Copy)]
struct Believed {
    ahead_ms: i64,
    /// Since when it is further ahead than that, by the steady clock.
    doubted_since_ms: Option<i64>,
}

impl AgeClock {
    /// What a clock that is only slewed never differs by between two questions.
    const SLEWED_MS: i64 = 60_000;
    /// For how long a clock that was set ahead is doubted.
    const DOUBTED_MS: i64 = 24 * 60 * 60 * 1_000;

    /// Unix time in milliseconds.
    pub fn now_ms(&self, clock: &dyn Clock) -> i64 {
        let steady_ms = clock.steady_ms();
        let ahead_ms = clock.now_ms().saturating_sub(steady_ms);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut believed = held.unwrap_or(Believed { ahead_ms, doubted_since_ms: None });
        let is_ahead = ahead_ms.saturating_sub(believed.ahead_ms) > Self::SLEWED_MS;
        let doubted_ms = steady_ms.saturating_sub(*believed.doubted_since_ms.get_or_insert(steady_ms));
        if !is_ahead || doubted_ms >= Self::DOUBTED_MS {
            believed = Believed { ahead_ms, doubted_since_ms: None };
        }
        *held = Some(believed);
        steady_ms.saturating_add(believed.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[derive(Debug, Default)]
    struct Set {
        steady_ms: AtomicI64,
        ahead_ms: AtomicI64,
    }

    impl Clock for Set {
        fn now_ms(&self) -> i64 {
            self.steady_ms() + self.ahead_ms.load(Ordering::SeqCst)
        }

        fn steady_ms(&self) -> i64 {
            self.steady_ms.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_clock_that_is_set_ahead_makes_nothing_old_for_a_day() {
        let (clock, age) = (Set::default(), AgeClock::default());
        let hours = |passed: i64, ahead: i64| {
            clock.steady_ms.fetch_add(passed * HOUR_MS, Ordering::SeqCst);
            clock.ahead_ms.store(ahead * HOUR_MS, Ordering::SeqCst);
            age.now_ms(&clock) / HOUR_MS
        };
        assert_eq!((hours(0, 0), hours(1, 0)), (0, 1));
        assert_eq!((hours(1, 10_000), hours(1, 10_000)), (2, 3), "doubted");
        assert_eq!(hours(1, 0), 4, "it was wrong");
        assert_eq!((hours(1, 10_000), hours(23, 10_000)), (5, 28), "doubted anew");
        assert_eq!(hours(1, 10_000), 10_029, "it stood for a day");
        assert_eq!(hours(1, -5), 25, "back it is followed at once");
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        let (clock, age) = (Set::default(), AgeClock::default());
        for minute in 0..100 {
            clock.ahead_ms.store(minute * AgeClock::SLEWED_MS, Ordering::SeqCst);
            assert_eq!(age.now_ms(&clock), clock.now_ms());
        }
    }
}
