//! Gives back, while drover runs, the memory that it holds and does not use.

use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{allocator, own_code};

/// How often code that is not in use is let go: what is in use is mapped again in two milliseconds.
const CODE_EVERY: Duration = Duration::from_secs(10);
/// How often what the allocator holds free is given back: it looks through all that is allocated.
const FREE_EVERY: Duration = Duration::from_secs(60);
/// Until when a start is over, and its code will not be needed again.
const STARTED_AFTER: Duration = Duration::from_secs(60);

/// Gives back the program's code that is not in use and what the allocator holds free, now and then until it is told to stop.
pub async fn keep_giving_back(stop: CancellationToken) {
    let began = Instant::now();
    let mut freed_at = began;
    let mut is_started = false;
    let mut ticks = tokio::time::interval(CODE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if freed_at.elapsed() >= FREE_EVERY {
            freed_at = Instant::now();
            // On a thread of its own, since it holds each arena's lock for as long as it looks through it.
            if tokio::task::spawn_blocking(allocator::give_back).await.is_err() {
                return;
            }
        }
        // Here, and not on such a thread: it is done sooner than a thread is woken, whose stack would stay for ten seconds.
        let let_go = if is_started || began.elapsed() < STARTED_AFTER {
            own_code::let_go()
        } else {
            is_started = true;
            own_code::forget()
        };
        if let Err(error) = let_go {
            tracing::debug!(%error, "the program's own code stays mapped");
        }
    }
}
