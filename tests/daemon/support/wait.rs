//! Waiting for conditions.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(25);

/// Polls until `condition` gives something, and gives that.
///
/// # Panics
/// When `limit` runs out; says what was waited for.
#[track_caller]
pub fn wait_until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    wait_until_ok(what, limit, || condition().ok_or("nothing yet"))
}

/// As [`wait_until`]; what the condition gave last, when it did not hold, is told with the panic.
#[track_caller]
pub fn wait_until_ok<T, E: Debug>(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match condition() {
            Ok(value) => return value,
            Err(last) if began.elapsed() > limit => {
                panic!("waited {limit:?} for this, in vain: {what}; last: {last:?}")
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// Polls for all of `span` and asserts each time that `condition` holds: for what must *not* happen.
///
/// # Panics
/// As soon as it does not hold.
#[track_caller]
pub fn holds_for(what: &str, span: Duration, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while began.elapsed() < span {
        assert!(condition(), "this stopped holding after {:?}: {what}", began.elapsed());
        thread::sleep(POLL);
    }
}
