//! Processes and locks as /proc shows them: which of them belong to a test, and whether they are gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process,
};

use nix::{sys::signal::Signal, unistd::Pid};

/// The variable that marks every process of a test; its value is the test's scratch folder.
pub const MARK: &str = "BLACK_BOX_SCRATCH";

/// A process, told from a later one of the same id by its start time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: i32,
    /// In clock ticks since boot (proc(5), field 22 of stat).
    pub started: u64,
    pub parent: i32,
    pub group: i32,
    pub is_zombie: bool,
    pub command: String,
}

impl Process {
    /// Reads one from /proc; None if it is gone.
    pub fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name in brackets and may hold anything, brackets too.
        let (_, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        Some(Self {
            pid,
            started: fields.get(19)?.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            command: String::from_utf8_lossy(&cmdline).replace('\0', " ").trim().to_owned(),
        })
    }

    /// Whether this very process still runs; a zombie does not.
    pub fn runs(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started && !now.is_zombie)
    }

    /// Sends a signal to it alone.
    pub fn signal(&self, signal: Signal) {
        if self.runs() {
            // It may end between the look and the signal, which is what the signal is for.
            let _gone = nix::sys::signal::kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Whether it is the main process of a browser on the given profile.
    pub fn is_browser_of(&self, profile: &Path) -> bool {
        self.command.contains(&format!("--user-data-dir={}", profile.display())) && !self.command.contains("--type=")
            // Debian's launcher is a shell script whose arguments are the browser's.
            && !self.command.starts_with("/bin/sh ") && !self.command.starts_with("/bin/bash ")
    }

    /// Whether it is a process of a browser in which pages run.
    pub fn is_renderer(&self) -> bool {
        self.command.contains("--type=renderer")
    }

    /// Whether it is any process of a browser.
    pub fn is_chromium(&self) -> bool {
        self.command.contains("--type=") || self.command.contains("--user-data-dir=")
    }

    /// Whether it is a redis-server.
    pub fn is_redis(&self) -> bool {
        self.command.contains("redis-server")
    }
}

/// All processes.
fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// The running processes that belong to the test with this scratch folder: those that carry its mark or name its folder,
/// their process groups and their descendants. Chromium's children overwrite their environment, so no single sign is enough.
pub fn family(scratch: &Path) -> BTreeSet<Process> {
    let own = process::id().cast_signed();
    let folder = format!("{}/", scratch.display());
    let mark = format!("{MARK}={}", scratch.display());
    let everyone: BTreeMap<i32, Process> = all().into_iter().map(|found| (found.pid, found)).collect();

    let carries_mark = |pid: i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()))
    };
    let mut members: BTreeSet<i32> = everyone
        .values()
        .filter(|found| found.pid != own && (found.command.contains(&folder) || carries_mark(found.pid)))
        .map(|found| found.pid)
        .collect();
    let own_group = everyone.get(&own).map(|found| found.group);
    loop {
        let groups: BTreeSet<i32> = members.iter().map(|pid| everyone[pid].group).collect();
        let joined: Vec<i32> = everyone
            .values()
            .filter(|found| found.pid != own && !members.contains(&found.pid))
            .filter(|found| {
                members.contains(&found.parent) || groups.contains(&found.group) && Some(found.group) != own_group
            })
            .map(|found| found.pid)
            .collect();
        if joined.is_empty() {
            break;
        }
        members.extend(joined);
    }
    everyone.into_values().filter(|found| members.contains(&found.pid) && !found.is_zombie).collect()
}

/// The zombies among a process's children: ended, and not reaped.
pub fn zombies_of(parent: i32) -> Vec<Process> {
    all().into_iter().filter(|found| found.parent == parent && found.is_zombie).collect()
}

/// Everybody below a process, zombies too.
pub fn descendants(ancestor: i32) -> Vec<Process> {
    let everyone = all();
    let mut pids = BTreeSet::from([ancestor]);
    loop {
        let joined: Vec<i32> = everyone
            .iter()
            .filter(|found| pids.contains(&found.parent) && !pids.contains(&found.pid))
            .map(|found| found.pid)
            .collect();
        if joined.is_empty() {
            return everyone.into_iter().filter(|found| found.pid != ancestor && pids.contains(&found.pid)).collect();
        }
        pids.extend(joined);
    }
}

/// The files under a folder on which somebody holds a lock (`flock` or `fcntl`), with the holder's line in /proc/locks.
pub fn locked_files(folder: &Path) -> Vec<String> {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut locked = Vec::new();
    visit(folder, &mut |path| {
        let Ok(metadata) = path.symlink_metadata() else { return };
        let inode = format!(":{} ", metadata.ino());
        locked.extend(
            locks.lines().filter(|line| line.contains(&inode)).map(|line| format!("{}: {line}", path.display())),
        );
    });
    locked
}

/// Calls `see` with every file under a folder.
pub fn visit(folder: &Path, see: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            visit(&path, see);
        } else {
            see(&path);
        }
    }
}
