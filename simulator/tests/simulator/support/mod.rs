//! What the tests share: the simulator as a child process, a page played by hand, waiting for conditions.

use std::future::Future;
use std::time::{Duration, Instant};

mod page;
mod process;
mod tls;

pub(crate) use page::{Linked, RawPage, qr};
pub(crate) use process::{Simulator, run};

/// Waits until a condition gives something, for at most ten seconds.
pub(crate) async fn wait_until<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
