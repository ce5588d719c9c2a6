//! Time, injected: tests own it, and no other module asks the system for it.

use std::{
    fmt::Debug,
    sync::OnceLock,
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
