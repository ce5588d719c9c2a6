//! Tells when the machine's clock was set, or the machine stood still: what lasts goes by the steady clock and goes on, what is stored
//! and shown has the new time.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{clock::Clock, queue::Queue};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// What a clock that is only slewed never differs by between two looks.
const JUMP_MS: i64 = 2_000;

/// Looks until `stop` is cancelled.
pub(super) async fn watch(clock: Arc<dyn Clock>, queue: Queue, stop: CancellationToken) {
    let mut ahead_ms = ahead_ms(&*clock);
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        if let Some(by_ms) = jump(&mut ahead_ms, &*clock) {
            warn!(
                by_s = by_ms / 1_000,
                "the machine's clock was set, or the machine stood still: sessions and their deadlines go on as if nothing was; what is \
                 scheduled follows the new time. Keep the clock right (NTP)"
            );
            queue.wake_all();
        }
    }
}

/// How far the machine's clock is ahead of the steady one.
fn ahead_ms(clock: &dyn Clock) -> i64 {
    clock.now_ms().saturating_sub(clock.steady_ms())
}

/// By how much it jumped since the last look, if it did.
fn jump(known_ms: &mut i64, clock: &dyn Clock) -> Option<i64> {
    let is_ms = ahead_ms(clock);
    let by_ms = is_ms.saturating_sub(std::mem::replace(known_ms, is_ms));
    (by_ms.saturating_abs() >= JUMP_MS).then_some(by_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    /// The system's clock, set forward or back.
    #[derive(Debug)]
    struct Set(i64);

    impl Clock for Set {
        fn now_ms(&self) -> i64 {
            SystemClock.now_ms() + self.0
        }

        fn steady_ms(&self) -> i64 {
            SystemClock.steady_ms()
        }
    }

    #[test]
    fn a_jump_is_told_once_in_either_direction() {
        let mut known_ms = ahead_ms(&Set(0));
        assert_eq!(jump(&mut known_ms, &Set(0)), None);
        for (by_s, jumped_s) in [(3_600, 3_600), (0, -3_600), (-3_600, -3_600)] {
            let told = jump(&mut known_ms, &Set(by_s * 1_000)).expect("it jumped");
            assert!((told - jumped_s * 1_000).abs() < 1_000, "{told}");
            assert_eq!(jump(&mut known_ms, &Set(by_s * 1_000)), None, "once");
        }
    }

    #[test]
    fn the_steady_clock_passes_as_time_does() {
        let (began, began_ms) = (std::time::Instant::now(), SystemClock.steady_ms());
        std::thread::sleep(Duration::from_millis(30));
        let (passed_ms, real_ms) = (SystemClock.steady_ms() - began_ms, began.elapsed().as_millis());
        assert!(
            passed_ms >= 29 && u128::try_from(passed_ms).expect("it grows") <= real_ms + 1,
            "{passed_ms} of {real_ms}"
        );
    }
}
