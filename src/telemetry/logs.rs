//! Where log lines go, and which: to stderr and, if asked for, to a file; by a filter that can be changed while drover runs.
//!
//! Invariant: a line that cannot be written stops nobody.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::MakeWriter,
    layer::SubscriberExt,
    reload::{self, Handle},
    util::SubscriberInitExt,
};

use super::{TelemetryError, Traces, log_file::LogFile, scrub};
use crate::config::{Log, LogFormat};

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// The log lines that are being written. Clones share them; the last one that goes writes what still waits for the file.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    filters: Vec<Handle<EnvFilter, Registry>>,
    level: Mutex<String>,
    _file: Option<WorkerGuard>,
}

impl Logs {
    /// The filter in force.
    #[must_use]
    pub fn level(&self) -> String {
        self.0.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the lines of another filter from now on.
    ///
    /// # Errors
    /// When it is no filter; then the old one stays.
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        let mut held = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        let filter = filter(level)?;
        for handle in &self.0.filters {
            // An error means that the subscriber is gone, and with it every line.
            let _ = handle.reload(filter.clone());
        }
        level.clone_into(&mut held);
        Ok(())
    }
}

/// Writes log lines from now on, as the settings say, and hands spans to the traces.
///
/// # Errors
/// When the filter cannot be read, the file's folder cannot be made, or log lines are being written already.
pub fn init(settings: &Log, traces: Option<&Traces>) -> Result<Logs, TelemetryError> {
    let is_terminal = io::stderr().is_terminal();
    let is_pretty = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let (stderr_filter, stderr_handle) = reload::Layer::new(filter(&settings.level)?);
    let stderr: Lines = if is_pretty {
        let lines = tracing_subscriber::fmt::layer().with_writer(Scrubbed(io::stderr)).with_ansi(is_terminal);
        lines.with_target(false).compact().with_filter(stderr_filter).boxed()
    } else {
        json(Scrubbed(io::stderr), stderr_filter)
    };
    let (mut layers, mut filters, mut guard) = (vec![stderr], vec![stderr_handle], None);
    if !settings.file.as_os_str().is_empty() {
        let file = LogFile::new(&settings.file, settings.file_max_bytes, settings.files)
            .map_err(|source| TelemetryError::File { path: settings.file.clone(), source })?;
        let (writer, held) = NonBlockingBuilder::default().thread_name("log-file").finish(file);
        let (file_filter, file_handle) = reload::Layer::new(filter(&settings.level)?);
        layers.push(json(Scrubbed(writer), file_filter));
        filters.push(file_handle);
        guard = Some(held);
    }
    layers.extend(traces.map(Traces::layer));
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(Logs(Arc::new(Inner { filters, level: Mutex::new(settings.level.clone()), _file: guard })))
}

/// What says that a connection to a browser, or to a node of a Redis Cluster, broke, with each attempt; what it means is reported by
/// whoever had it. The crate, and who of it says so.
const DOUBLES: [(&str, &str); 2] = [("chromiumoxide", "chromiumoxide::handler"), ("redis", "redis::cluster_handling")];

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let parsed = EnvFilter::builder().parse(level);
    let mut filter = parsed.map_err(|source| TelemetryError::Filter { level: level.to_owned(), source })?;
    for (name, target) in DOUBLES {
        // Whoever asks for them gets them; drover's own is another.
        if !level.replace("drover::redis", "").contains(name) {
            filter =
                filter.add_directive(format!("{target}=off").parse().expect("a target and a level are a directive"));
        }
    }
    Ok(filter)
}

fn json<W>(writer: W, filter: reload::Layer<EnvFilter, Registry>) -> Lines
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).json();
    lines.flatten_event(true).with_current_span(true).with_span_list(false).with_filter(filter).boxed()
}

/// Writes lines without their secrets. A line that cannot be written (a full disk, a closed pipe) is dropped.
struct Scrubbed<M>(M);

/// One line's writer; a line comes in one piece.
struct ScrubbedLine<W>(W);

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Scrubbed<M> {
    type Writer = ScrubbedLine<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        ScrubbedLine(self.0.make_writer())
    }
}

impl<W: Write> Write for ScrubbedLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        let _ = self.0.write_all(scrub(&line).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Lane(mpsc::Sender<Vec<u8>>);

    impl Write for Lane {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).expect("the test listens");
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn what_others_say_of_a_broken_connection_is_told_to_whoever_asks_for_it() {
        let silenced =
            |level: &str, target: &str| filter(level).unwrap().to_string().contains(&format!("{target}=off"));
        for (name, target) in DOUBLES {
            assert!(silenced("info", target) && silenced("warn,drover::redis=debug", target));
            assert!(!silenced(&format!("info,{name}=debug"), target));
        }
    }

    #[test]
    fn a_line_loses_its_secrets_and_a_full_disk_is_no_error() {
        let (sender, lines) = mpsc::channel();
        let mut line = ScrubbedLine(Lane(sender));
        line.write_all(b"password=geheim to 15551234567@c.us\n").expect("never an error");
        line.flush().expect("never an error");
        let written = String::from_utf8(lines.recv().expect("it was tried")).expect("text");
        assert_eq!(written, "password=*** to 155******67@c.us\n");
    }
}
