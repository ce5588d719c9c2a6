//! Metrics, as Prometheus reads them. Every room counts through the `metrics` crate's macros; here they are kept and written out.
//!
//! Names begin with `drover_` and end in their unit (`_seconds`, `_bytes`) or in `_total`. A label has few values: a session's name is
//! the widest, a chat, a message or a URL never is one.

use std::{collections::HashSet, time::Duration};

use metrics::gauge;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{TelemetryError, by_session::BySession};
use crate::bounded;

/// How long observations are kept one by one, and what was counted of a session that is gone.
const SETTLED_EVERY: Duration = Duration::from_secs(5);

/// What has been counted so far. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(BySession);

impl Metrics {
    /// Keeps from now on what this process counts.
    ///
    /// # Errors
    /// When something keeps it already.
    pub fn install() -> Result<Self, TelemetryError> {
        let recorder = BySession::new()?;
        metrics::set_global_recorder(recorder.clone()).map_err(|_| TelemetryError::MetricsTaken)?;
        let (version, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        gauge!("drover_build_info", "version" => version, "arch" => arch).set(1.0);
        Ok(Self(recorder))
    }

    /// Puts what was observed since the last time into the buckets, and has bounded maps let go what is too old. Until then each
    /// observation is kept by itself, so this must be done now and then, also where nobody asks for the metrics.
    pub fn settle(&self) {
        bounded::settle();
        self.0.settle();
    }

    /// Lets go what was counted of sessions that are not there any more.
    pub fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        self.0.keep_only(is_there);
    }

    /// Settles every few seconds until it is told to stop.
    pub async fn keep_settled(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SETTLED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.settle();
        }
    }

    /// Lets go, every few seconds, what was counted of sessions that are not `there` any more, until it is told to stop.
    pub async fn forget_gone(self, there: impl Fn() -> HashSet<String> + Send, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SETTLED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let there = there();
            self.keep_only(|session| there.contains(session));
        }
    }

    /// Everything, in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.settle();
        self.0.render()
    }
}
