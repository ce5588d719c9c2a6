//! Removes what is too old, and the oldest of what is too much; never what a waiting message needs.

use std::time::Duration;

use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{FileError, FileStore};
use crate::{clock::AgeClock, config};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Between two looks at the ages.
const INTERVAL: Duration = Duration::from_secs(600);
/// What came less than this ago is not too much yet: somebody is about to use it.
const GRACE_MS: i64 = 60 * 1000;
/// How many are looked at together.
const BATCH: u32 = 100;

/// Keeps what is kept within `[retention]`.
#[derive(Debug)]
pub struct Janitor {
    files: FileStore,
    age: AgeClock,
    settings: config::Retention,
}

impl Janitor {
    /// A janitor of these files.
    #[must_use]
    pub fn new(files: FileStore, settings: config::Retention) -> Self {
        Self { files, age: AgeClock::default(), settings }
    }

    /// Cleans now, then every ten minutes and whenever it became too much, until it is stopped.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let cleaned = tokio::select! {
                cleaned = self.clean() => cleaned,
                () = stop.cancelled() => return,
            };
            if let Err(error) = cleaned {
                warn!(%error, "files that are too old or too many were not removed; this is tried again");
            }
            tokio::select! {
                () = self.became_too_much() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Ends after the interval, or when a file came that is too much; then as long after it as it takes to be removable.
    async fn became_too_much(&self) {
        let too_much = async {
            while !self.is_too_much(self.files.total_bytes()) {
                self.files.grown().await;
            }
            tokio::time::sleep(Duration::from_millis(GRACE_MS.unsigned_abs())).await;
        };
        let _ = tokio::time::timeout(INTERVAL, too_much).await;
    }

    fn is_too_much(&self, total_bytes: u64) -> bool {
        self.settings.media_bytes > 0 && total_bytes > self.settings.media_bytes
    }

    /// One pass.
    ///
    /// # Errors
    /// When the database or the disk fails; what was removed before stays so.
    pub async fn clean(&self) -> Result<(), FileError> {
        let now_ms = self.files.now_ms();
        if let Some(days) = i64::try_from(self.settings.media_days).ok().filter(|days| *days > 0) {
            let before_ms = self.age.now_ms(self.files.clock()) - days * DAY_MS;
            loop {
                let batch = self.files.oldest_free(before_ms, BATCH).await?;
                if batch.is_empty() {
                    break;
                }
                for record in &batch {
                    self.files.remove(record).await?;
                    counter!("drover_media_removed_total", "cause" => "age").increment(1);
                }
            }
        }
        let mut total_bytes = self.files.count_bytes().await?;
        while self.is_too_much(total_bytes) {
            let batch = self.files.oldest_free(now_ms - GRACE_MS, BATCH).await?;
            if batch.is_empty() {
                break;
            }
            for record in &batch {
                self.files.remove(record).await?;
                counter!("drover_media_removed_total", "cause" => "size").increment(1);
                total_bytes = total_bytes.saturating_sub(record.bytes);
                if !self.is_too_much(total_bytes) {
                    break;
                }
            }
            total_bytes = self.files.count_bytes().await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 bytes are enough")]
        gauge!("drover_media_kept_bytes").set(total_bytes as f64);
        Ok(())
    }
}
