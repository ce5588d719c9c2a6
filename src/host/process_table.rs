//! Who runs on this machine, read from `/proc`: identities that survive the reuse of a pid, process groups, and the tags by
//! which the members of a tree are known wherever they went.

use std::{fs, io};

use rand::RngExt;
use serde::{Deserialize, Serialize};

/// The environment variable that carries a tree's tag to all that its members start.
pub(super) const TAG_VARIABLE: &str = "DROVER_TREE";

/// A process, told apart from a later one with the same pid by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its pid.
    pub pid: u32,
    /// When it started, in clock ticks since the machine's boot (`/proc/<pid>/stat`, field 22).
    pub start_ticks: u64,
}

impl ProcessIdentity {
    /// Of a process that is there now, be it a zombie; None when there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Stat::read(pid).map(|stat| stat.identity)
    }

    /// Of this process.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn own() -> io::Result<Self> {
        Self::of(std::process::id())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "/proc is not mounted: drover needs it"))
    }

    /// Whether it still runs; a zombie does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.identity == self && stat.is_running())
    }
}

/// A random name that a tree's members carry in their environment. Nobody else has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreeTag(String);

impl TreeTag {
    /// A new one, of 128 random bits.
    #[must_use]
    pub fn choose() -> Self {
        Self(format!("{:032x}", rand::rng().random::<u128>()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the process carries it. One that overwrote its environment (as Chromium's zygotes do), is a zombie, or
    /// belongs to another user answers no.
    fn is_on(&self, pid: u32) -> bool {
        let wanted = format!("{TAG_VARIABLE}={}", self.0);
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()))
    }
}

/// The identity of this boot, which makes start times comparable.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// What `/proc/<pid>/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) identity: ProcessIdentity,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// What it has in memory, in pages (field 24).
    pub(super) resident_pages: u64,
    state: char,
}

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The second field is the command in brackets and may hold anything, brackets and spaces too: what counts comes after
    /// the last closing one.
    fn parse(line: &str) -> Option<Self> {
        let pid = line.split(' ').next()?.parse().ok()?;
        let (_, rest) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            resident_pages: fields.get(21)?.parse().ok()?,
            identity: ProcessIdentity { pid, start_ticks: fields.get(19)?.parse().ok()? },
        })
    }

    /// Neither a zombie nor already dead.
    pub(super) fn is_running(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Every process there is.
pub(super) fn all() -> impl Iterator<Item = Stat> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::read)
}

/// The members of a process group, zombies included.
pub(super) fn group_members(group: u32) -> Vec<Stat> {
    all().filter(|stat| stat.group == group).collect()
}

/// How many children of a process have ended and were not waited for yet.
pub(super) fn zombies_of(parent: u32) -> usize {
    all().filter(|stat| stat.parent == parent && stat.state == 'Z').count()
}

/// The tag that a process carries; None as [`TreeTag::is_on`] answers no.
pub(super) fn tag_of(pid: u32) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let prefix = format!("{TAG_VARIABLE}=");
    let variable = environ.split(|byte| *byte == 0).find(|variable| variable.starts_with(prefix.as_bytes()))?;
    String::from_utf8(variable[prefix.len()..].to_vec()).ok()
}

/// The running processes that carry the tag.
pub(super) fn tagged(tag: &TreeTag) -> Vec<Stat> {
    all().filter(|stat| stat.is_running() && tag.is_on(stat.identity.pid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_process_is_alive_and_its_pid_with_another_start_is_not() {
        let own = ProcessIdentity::own().expect("/proc is mounted");
        assert!(own.is_alive());
        assert!(!ProcessIdentity { start_ticks: own.start_ticks + 1, ..own }.is_alive());
        assert!(ProcessIdentity::of(u32::MAX).is_none());
    }

    proptest! {
        #[test]
        fn any_command_name_is_survived(name in "[^\\n]{0,15}", parent in 0u32..40_000, group in 0u32..40_000, start: u64) {
            let middle = "0 ".repeat(16);
            let line = format!("77 ({name}) S {parent} {group} {middle}{start} 0 0");
            let stat = Stat::parse(&line).expect("a whole line");
            prop_assert_eq!(stat.identity, ProcessIdentity { pid: 77, start_ticks: start });
            prop_assert_eq!((stat.parent, stat.group, stat.is_running()), (parent, group, true));
        }

        #[test]
        fn no_line_makes_it_panic(line in ".{0,80}") {
            let _ = Stat::parse(&line);
        }
    }
}
