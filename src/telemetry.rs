//! What drover says of itself: log lines, how secrets and private data are masked in them, metrics and traces.
//!
//! Log lines go to stderr, so that stdout stays for what a command answers, and to a file if asked for. Everybody may use
//! [`mask`]; [`init`] is called once, by the binary. Whatever a line holds, [`scrub()`] takes secrets and numbers out of it
//! before it is written.

mod by_session;
pub mod catalogue;
mod log_file;
mod logs;
pub mod mask;
mod prometheus;
mod scrub;
mod traces;

pub use logs::{Logs, init};
pub use prometheus::Metrics;
pub use scrub::scrub;
pub use traces::{Caller, Traces, follow, note_answer};

/// Log lines cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter of metrics does not take its settings.
    #[error("metrics cannot be kept: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Something else keeps the metrics of this process.
    #[error("metrics are kept already")]
    MetricsTaken,
    /// `log.level` is no filter.
    #[error("log.level is {level:?}, which is no filter: {source}")]
    Filter {
        /// What it is.
        level: String,
        /// Why it is none.
        source: tracing_subscriber::filter::ParseError,
    },
    /// A folder for `log.file` cannot be made.
    #[error("log.file is {}, and its folder cannot be made: {source}; name another file, or none", path.display())]
    File {
        /// What it is.
        path: std::path::PathBuf,
        /// Why it cannot be.
        source: std::io::Error,
    },
    /// `telemetry.otlp_endpoint` leads to no collector.
    #[error(
        "telemetry.otlp_endpoint is {url:?}, to which no trace can be sent: {detail}; such as http://collector:4318"
    )]
    Collector {
        /// What it is.
        url: String,
        /// Why not.
        detail: String,
    },
    /// [`init`] was called before.
    #[error("log lines are being written already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}
