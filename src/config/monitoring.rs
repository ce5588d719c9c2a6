//! The settings of how drover is watched: its health, its traces.

use serde::Deserialize;

/// `[health]`: from when on a part is shown as degraded.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// What the data folder's disk should have free, in MB.
    pub disk_free_mb: u64,
    /// How long a message that could be sent may wait, in seconds.
    pub queue_wait_s: u64,
}

/// `[telemetry]`: traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Where a collector takes OTLP over HTTP; empty: no traces.
    pub otlp_endpoint: String,
}
