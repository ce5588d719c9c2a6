//! What must not grow: drover's own memory, zombies below it, browsers that belong to no session.

use std::{collections::BTreeSet, fs, time::Duration};

use super::{Session, Soak};
use crate::support::process::{self, Process};

/// One look at the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// Private pages, dirty and clean, in bytes: what ending drover would give back.
    pub(super) private: u64,
    /// Those of them that are no copy of a file: heap and stacks.
    pub(super) dirty: u64,
}

/// All looks.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) memory: Vec<Memory>,
    /// Seen twice in a row, so not just about to be reaped.
    pub(super) zombies: BTreeSet<Process>,
    /// Seen twice in a row, so not just about to end.
    pub(super) strays: BTreeSet<Process>,
}

/// Looks now and then, until all is over.
pub(super) fn sample(soak: &Soak<'_>, sessions: &[Session<'_>]) -> Samples {
    let mut samples = Samples::default();
    let (mut zombies, mut strays) = (BTreeSet::new(), BTreeSet::new());
    let every = soak.plan.sample_every.max(Duration::from_secs(1));
    while !soak.over.rest(every) {
        samples.memory.extend(memory_of(soak.drover.pid()));
        let (zombies_now, strays_now) = (zombies_below(soak.drover.pid()), strays_of(soak, sessions));
        samples.zombies.extend(zombies_now.intersection(&zombies).cloned());
        samples.strays.extend(strays_now.intersection(&strays).cloned());
        (zombies, strays) = (zombies_now, strays_now);
    }
    samples
}

/// From smaps_rollup (proc_pid_smaps(5)), which counts in kB.
fn memory_of(pid: i32) -> Option<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let bytes = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    };
    let dirty = bytes("Private_Dirty:")?;
    Some(Memory { private: dirty + bytes("Private_Clean:")?, dirty })
}

fn zombies_below(pid: i32) -> BTreeSet<Process> {
    process::descendants(pid).into_iter().filter(|process| process.is_zombie).collect()
}

/// Chromium's processes whose group has no main process on the profile of a session, and second browsers of one session.
fn strays_of(soak: &Soak<'_>, sessions: &[Session<'_>]) -> BTreeSet<Process> {
    let family = soak.home.look();
    let mut strays = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for session in sessions {
        let profile = soak.home.profile(&session.name);
        let mut browsers = family.iter().filter(|process| process.is_browser_of(&profile));
        groups.extend(browsers.next().map(|browser| browser.group));
        strays.extend(browsers.cloned());
    }
    let is_of_a_session = |process: &&Process| groups.contains(&process.group);
    strays.extend(family.iter().filter(|process| process.is_chromium()).filter(|p| !is_of_a_session(p)).cloned());
    strays
}
