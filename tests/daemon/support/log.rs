//! What a child process writes, kept for looking at while it runs and for printing when a test fails.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

/// A file that a child writes both of its streams to.
#[derive(Debug, Clone)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// A new log in a folder.
    pub fn create(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        fs::write(&path, "").expect("the scratch folder takes files");
        Self { path }
    }

    /// For `Command::stdout` and `Command::stderr`.
    pub fn stdio(&self) -> Stdio {
        let file = fs::OpenOptions::new().append(true).open(&self.path).expect("the log is there");
        file.into()
    }

    /// All of it so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.path).unwrap_or_default()).into_owned()
    }

    /// Prints its end, for the report of a failed test.
    #[expect(clippy::print_stdout, reason = "the report of a failed test is its output")]
    pub fn print_tail(&self, title: &str) {
        const LINES: usize = 200;
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        println!("---- {title}, last lines of {} ----", lines.len());
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            println!("{line}");
        }
    }
}
