//! Writing for people and programs.

pub(super) mod local_time;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::error::CliError;

/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// A line on stdout.
pub(super) fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Text on stdout as it is.
pub(super) fn write(text: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text)?;
    stdout.flush()
}

/// An answer for programs.
pub(super) fn say_json(answer: &Value) -> io::Result<()> {
    say(&format!("{answer:#}"))
}

/// A remark on stderr, beside the answer.
pub(super) fn remark(line: &str) {
    // There is nobody left to tell that stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// An error on stderr. Whoever closed our stdout (`| head`) heard enough: that is none.
pub(super) fn complain(error: &CliError) {
    if error.exit_code() != 0 {
        remark(&format!("drover: {error}"));
    }
}

/// Shows on a terminal that something goes on, until it is dropped; elsewhere nothing. It writes to stderr.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begins with this line.
    pub(super) fn begin(line: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(line.to_owned());
        bar.enable_steady_tick(TURN);
        Self { bar }
    }

    /// Goes on to this line.
    pub(super) fn tell(&self, line: String) {
        self.bar.set_message(line);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
