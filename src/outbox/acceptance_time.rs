//! When messages are accepted, which is their order within a chat: it does not go back when the machine's clock does, not over a restart
//! either.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::OnceCell;

use crate::store::{Store, StoreError};

/// A clock that was set back further than this was wrong before: what is accepted from then on has the time of day there is.
const LONGEST_MS: i64 = 3_600_000;

/// The latest time of an acceptance, in Unix milliseconds.
#[derive(Debug, Default)]
pub(super) struct AcceptanceTime {
    last_ms: AtomicI64,
    begun: OnceCell<()>,
}

impl AcceptanceTime {
    /// Begins behind what waits from before this process; asked for before each acceptance, and looked up once.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn begin(&self, store: &Store) -> Result<(), StoreError> {
        let begun = self.begun.get_or_try_init(async || {
            let waiting_ms = store.messages().latest_waiting_ms().await?;
            self.last_ms.fetch_max(waiting_ms.unwrap_or(0), Ordering::Relaxed);
            Ok(())
        });
        begun.await.copied()
    }

    /// The time of an acceptance: now, or, while the clock is behind an earlier one, a moment after that.
    pub(super) fn next(&self, now_ms: i64) -> i64 {
        let following = |last_ms: i64| {
            let is_behind = now_ms < last_ms && last_ms.saturating_sub(now_ms) <= LONGEST_MS;
            if is_behind { last_ms + 1 } else { now_ms }
        };
        let before =
            self.last_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last_ms| Some(following(last_ms)));
        following(before.unwrap_or_else(|last_ms| last_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_later_has_a_later_time_though_the_clock_goes_back() {
        let time = AcceptanceTime::default();
        assert_eq!(
            (time.next(10_000_000), time.next(10_000_000), time.next(10_000_005)),
            (10_000_000, 10_000_000, 10_000_005)
        );
        let after: Vec<i64> = [9_000_000, 9_000_000, 9_000_500].map(|now_ms| time.next(now_ms)).to_vec();
        assert_eq!(after, [10_000_006, 10_000_007, 10_000_008], "a moment after what was before");
        assert_eq!(time.next(10_000_100), 10_000_100, "it has caught up");
        assert_eq!(time.next(1_000_000), 1_000_000, "it was wrong before");
    }
}
