//! How often something happens, counted for all nodes: so many within a window that slides.

use std::time::Duration;

use super::{Queue, QueueError, keys, random_token};

/// How many fit within which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub limit: u32,
    /// Within which time.
    pub window: Duration,
}

/// How something stands after it was counted, or was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStanding {
    /// None when it was counted; else after how long the next one fits.
    pub wait: Option<Duration>,
    /// How many still fit.
    pub left: u32,
    /// After how long one more does.
    pub reset: Duration,
}

impl Queue {
    /// Counts something in a bucket, if it still fits.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn count(&self, bucket: &str, rate: Rate) -> Result<RateStanding, QueueError> {
        let link = self.shared.connections.link()?;
        let script = &self.shared.scripts.rate;
        let window_ms = rate.window.as_millis().to_string();
        let arguments = [self.time_argument(), random_token(), rate.limit.to_string(), window_ms];
        let answer: Vec<u64> = link.invoke(script, &[keys::rate(bucket)], &arguments).await?;
        let [wait_ms, left, reset_ms] = answer[..] else {
            let answer = answer.iter().map(u64::to_string).collect();
            return Err(QueueError::Answer { script: "rate", answer });
        };
        Ok(RateStanding {
            wait: (wait_ms > 0).then(|| Duration::from_millis(wait_ms)),
            left: u32::try_from(left).unwrap_or(u32::MAX),
            reset: Duration::from_millis(reset_ms),
        })
    }

    /// Takes back what was counted last in a bucket: it was none of what is limited.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn take_back(&self, bucket: &str) -> Result<(), QueueError> {
        let link = self.shared.connections.link()?;
        let mut command = ::redis::cmd("ZPOPMAX");
        command.arg(keys::rate(bucket));
        let _taken: Vec<String> = link.command(&command).await?;
        Ok(())
    }
}
