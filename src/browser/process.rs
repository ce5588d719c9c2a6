//! A browser's processes together with the profile that they hold.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    arguments::CommandLine,
    login_copy,
    profile::{LockedProfile, sync_to_disk},
};
use crate::host::{ExitWatch, ProcessTree, TreeTag};

/// A browser that is asked to end takes 0.2 s.
const ASK_LIMIT: Duration = Duration::from_secs(2);
/// How many of Chromium's last words go into an error.
const LAST_LINES: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running browser and its profile. To be ended by [`Self::end`]; a drop kills it, but leaves lock and record files to the
/// next start.
#[derive(Debug)]
pub(super) struct BrowserProcess {
    tree: ProcessTree,
    profile: LockedProfile,
}

impl BrowserProcess {
    /// Starts it. On an error the profile is released.
    pub(super) fn spawn(command_line: &CommandLine<'_>, profile: LockedProfile) -> Result<Self, String> {
        match start(command_line, &profile) {
            Ok((tree, tag)) => {
                let mut process = Self { tree, profile };
                if let Err(error) = process.profile.record(tag, process.tree.leader()) {
                    // It runs and is announced by its tag: an orphan of it would still be found.
                    tracing::warn!(%error, "the browser's pid could not be recorded");
                }
                Ok(process)
            }
            Err(error) => {
                profile.release();
                Err(format!("{} cannot be started: {error}", command_line.executable.path.display()))
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.tree.id()
    }

    pub(super) fn exit_watch(&self) -> ExitWatch {
        self.tree.exit_watch()
    }

    /// Waits until it listens; the address to connect to. It says so on stderr and in a file of its profile, where a wrapper
    /// script cannot swallow it.
    pub(super) async fn endpoint(&mut self) -> Result<String, String> {
        let mut exit = self.tree.exit_watch();
        let log = self.tree.log().clone();
        let endpoint = tokio::select! {
            endpoint = log.find(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned)) => endpoint,
            endpoint = from_file(&self.profile) => endpoint,
            exit = exit.wait() => {
                let how = exit.map_or_else(|| "unseen".to_owned(), |exit| exit.to_string());
                return Err(format!("it ended at once ({how})"));
            }
        };
        self.tree.note_strays();
        Ok(endpoint)
    }

    /// Ends one that did not start; what it said last.
    pub(super) async fn end_failed(mut self) -> String {
        self.tree.kill().await;
        let lines = self.tree.log().lines();
        // Chromium complains of a missing D-Bus in every container; that is never the reason.
        let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.contains("dbus")).collect();
        let words = lines[lines.len().saturating_sub(LAST_LINES)..].join(" | ");
        self.profile.release();
        words
    }

    /// Ends and reaps all of it, and lets the profile go; flushes it first if the browser closed in order. A browser whose
    /// page crashed or hangs is itself well: asked, it still writes what the page told it last, such as a login.
    pub(super) async fn end(mut self, is_to_be_flushed: bool) {
        self.tree.terminate(ASK_LIMIT).await;
        if is_to_be_flushed {
            let folder = self.profile.folder().to_owned();
            let begun = Instant::now();
            let work = move || sync_to_disk(&folder).and_then(|()| login_copy::remove_from(&folder));
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(())) => tracing::debug!(elapsed_ms = begun.elapsed().as_millis(), "profile flushed"),
                Ok(Err(error)) => tracing::warn!(%error, "the profile could not be flushed to the disk"),
                Err(error) => tracing::error!(%error, "flushing the profile failed"),
            }
        }
        self.profile.release();
    }
}

fn start(command_line: &CommandLine<'_>, profile: &LockedProfile) -> std::io::Result<(ProcessTree, TreeTag)> {
    let tag = TreeTag::choose();
    profile.announce(tag.clone())?;
    let mut command = Command::new(&command_line.executable.path);
    command.args(command_line.arguments()).stdin(profile.stdin()?);
    // Crash dumps belong to the profile, not into somebody's home.
    command.env("TMPDIR", profile.make_scratch()?);
    command.env("BREAKPAD_DUMP_LOCATION", profile.folder().join("Crash Reports"));
    Ok((ProcessTree::spawn(command, tag.clone())?, tag))
}

/// The file has two lines, the port and the path, and is written in one go.
async fn from_file(profile: &LockedProfile) -> String {
    loop {
        if let Ok(text) = tokio::fs::read_to_string(profile.active_port()).await
            && let Some((port, path)) = text.trim_end().split_once('\n')
        {
            return format!("ws://127.0.0.1:{port}{path}");
        }
        sleep(LOOK_EVERY).await;
    }
}
