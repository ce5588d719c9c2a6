//! Metrics, as Prometheus reads them. Every room counts through the `metrics` crate's macros; here they are kept and written out.
//!
//! Names begin with `drover_` and end in their unit (`_seconds`, `_bytes`) or in `_total`. A label has few values: a session's name is
//! the widest, a chat, a message or a URL never is one.

use std::time::Duration;

use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::catalogue;

/// How long observations are kept one by one.
const SETTLED_EVERY: Duration = Duration::from_secs(5);

/// Bounds of everything that is measured in seconds: from a Redis call to a wait for an ack.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// What has been counted so far. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Keeps from now on what this process counts.
    ///
    /// # Errors
    /// When something keeps it already.
    pub fn install() -> Result<Self, BuildError> {
        let builder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?;
        let metrics = Self(builder.install_recorder()?);
        catalogue::describe();
        let (version, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        gauge!("drover_build_info", "version" => version, "arch" => arch).set(1.0);
        Ok(metrics)
    }

    /// Puts what was observed since the last time into the buckets. Until then each observation is kept by itself, so this must
    /// be done now and then, also where nobody asks for the metrics.
    pub fn settle(&self) {
        self.0.run_upkeep();
    }

    /// Settles every few seconds until it is told to stop.
    pub async fn keep_settled(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SETTLED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.settle();
        }
    }

    /// Everything, in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.settle();
        self.0.render()
    }
}
