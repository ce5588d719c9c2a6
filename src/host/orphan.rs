//! What a killed drover left running: a record beside the thing that a tree works on (a profile, a Redis folder) names the
//! tree and its owner, and the next start ends it.
//!
//! Invariant: a process is ended only if it carries the tree's random tag, or is the recorded pid with the recorded start
//! time in the same boot of the machine; and only if the drover that owned it is dead.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use nix::sys::{
    signal::{Signal, kill, killpg},
    wait::{WaitPidFlag, WaitStatus, waitpid},
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{
    process_table::{ProcessIdentity, Stat, TreeTag, boot_id, group_members, tagged},
    process_tree::{programs, raw},
};

const END_LIMIT: Duration = Duration::from_secs(5);
/// A browser that is asked closes in 0.2 s, and keeps what it wrote in its last seconds: a login, for instance.
const ASK_LIMIT: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Names a process tree and who owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// The drover that started it.
    pub owner: ProcessIdentity,
    /// The tree's leader; None in the moment between the first write and the start.
    pub leader: Option<ProcessIdentity>,
    /// What its members carry.
    pub tag: TreeTag,
    /// The boot of the machine in which the start times hold.
    pub boot_id: String,
}

/// What a record led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphan {
    /// No record, or nothing alive in it.
    None,
    /// It was ended.
    Ended {
        /// The leader's pid, if it was known.
        pid: Option<u32>,
    },
    /// Its drover lives: it is no orphan.
    Owned {
        /// The drover's pid.
        owner: u32,
    },
}

impl ProcessRecord {
    /// A record of a tree that this process is about to start. Written before the start, so that a tree is findable by its
    /// tag from its first moment on.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn announce(tag: TreeTag) -> io::Result<Self> {
        Ok(Self { owner: ProcessIdentity::own()?, leader: None, tag, boot_id: boot_id()? })
    }

    /// With the leader, once it runs.
    #[must_use]
    pub fn led_by(self, leader: ProcessIdentity) -> Self {
        Self { leader: Some(leader), ..self }
    }

    /// Writes it whole or not at all (0600).
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".new");
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        serde_json::to_writer(&file, self).map_err(io::Error::from)?;
        fs::rename(&partial, path)
    }

    /// Reads it; None when there is none, or none that can be read as one.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes it away; one that is not there is fine.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn remove(path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the drover that wrote it runs.
    #[must_use]
    pub fn owner_is_alive(&self) -> bool {
        self.is_of_this_boot() && self.owner.is_alive()
    }

    /// Whether anything of the tree runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.members().is_empty()
    }

    fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot_id)
    }

    /// Everybody of the tree who runs: the leader with its group, and who carries the tag.
    fn members(&self) -> Vec<Stat> {
        if !self.is_of_this_boot() {
            return Vec::new();
        }
        let mut members = tagged(&self.tag);
        if let Some(leader) = self.leader.filter(|leader| leader.is_alive()) {
            let group = group_members(leader.pid);
            members.extend(group.into_iter().filter(|stat| stat.is_running()));
        }
        members
    }

    /// Asks the program to end by itself (SIGTERM) and gives it a while. Answers with everybody who ran then: when the
    /// leader is gone, its group cannot be told from another any more.
    async fn ask_to_end(&self) -> Vec<ProcessIdentity> {
        let ran: Vec<ProcessIdentity> = self.members().iter().map(|member| member.identity).collect();
        let Some(leader) = self.leader.filter(|leader| leader.is_alive() && self.is_of_this_boot()) else { return ran };
        for pid in programs(leader.pid) {
            let _ = kill(raw(pid), Signal::SIGTERM);
        }
        let deadline = Instant::now() + ASK_LIMIT;
        while Instant::now() < deadline && ran.iter().any(|process| process.is_alive()) {
            sleep(LOOK_EVERY).await;
        }
        ran
    }

    /// Ends everybody of the tree, gently if they let themselves be asked, and waits for it. True when somebody was there.
    pub async fn end(&self) -> bool {
        let mut seen = self.ask_to_end().await;
        let deadline = Instant::now() + END_LIMIT;
        loop {
            seen.extend(self.members().iter().map(|member| member.identity));
            let is_over = !seen.iter().any(|process| process.is_alive() || is_left_to_us(process));
            if is_over || Instant::now() >= deadline {
                return !seen.is_empty();
            }
            if let Some(leader) = self.leader.filter(|leader| leader.is_alive()) {
                let _ = killpg(raw(leader.pid), Signal::SIGKILL);
            }
            for process in seen.iter().filter(|process| process.is_alive()) {
                let _ = kill(raw(process.pid), Signal::SIGKILL);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends the tree that the record at `path` names if its owner is dead, and removes the record then.
    ///
    /// # Errors
    /// When the record cannot be read or removed.
    pub async fn end_orphan(path: &Path) -> io::Result<Orphan> {
        let Some(record) = Self::read(path)? else {
            Self::remove(path)?;
            return Ok(Orphan::None);
        };
        if record.owner_is_alive() {
            return Ok(Orphan::Owned { owner: record.owner.pid });
        }
        let ended = record.end().await;
        Self::remove(path)?;
        Ok(if ended { Orphan::Ended { pid: record.leader.map(|leader| leader.pid) } } else { Orphan::None })
    }
}

/// An orphan may have become our child: its drover's parent was ours, or we are the machine's init. Reaps it; true when that
/// cannot be done yet.
fn is_left_to_us(process: &ProcessIdentity) -> bool {
    let is_ours = |stat: &Stat| stat.identity == *process && stat.parent == std::process::id();
    Stat::read(process.pid).as_ref().is_some_and(is_ours)
        && matches!(waitpid(raw(process.pid), Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ProcessTree;
    use std::process::{Command, Stdio};

    fn sleeper(tag: &TreeTag) -> ProcessTree {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & wait"]).stdin(Stdio::null());
        let tree = ProcessTree::spawn(command, tag.clone()).expect("sh starts");
        // The kernel lets the parent go on a moment before the child's environment can be read in /proc.
        while tagged(tag).is_empty() {
            std::thread::yield_now();
        }
        tree
    }

    /// As a drover that was killed would have left it.
    fn by_a_dead_owner(tag: TreeTag) -> ProcessRecord {
        let record = ProcessRecord::announce(tag).expect("/proc is mounted");
        ProcessRecord { owner: ProcessIdentity { start_ticks: record.owner.start_ticks + 1, ..record.owner }, ..record }
    }

    #[tokio::test]
    async fn an_orphan_is_ended_by_its_leader_or_by_its_tag_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.process");
        for is_leader_known in [true, false] {
            let tag = TreeTag::choose();
            let mut tree = sleeper(&tag);
            let record = by_a_dead_owner(tag);
            let record = if is_leader_known { record.led_by(tree.leader()) } else { record };
            record.write(&path).expect("written");
            assert_eq!(ProcessRecord::read(&path).expect("readable"), Some(record.clone()));
            let ended = ProcessRecord::end_orphan(&path).await.expect("ended");
            assert_eq!(ended, Orphan::Ended { pid: is_leader_known.then(|| tree.id()) });
            assert!(!record.is_alive() && !path.exists());
            tree.kill().await;
        }
    }

    #[tokio::test]
    async fn what_is_owned_by_a_live_drover_or_is_not_the_recorded_process_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.process");
        let mut tree = sleeper(&TreeTag::choose());
        let own = ProcessRecord::announce(TreeTag::choose()).expect("/proc is mounted").led_by(tree.leader());
        own.write(&path).expect("written");
        assert_eq!(ProcessRecord::end_orphan(&path).await.expect("read"), Orphan::Owned { owner: std::process::id() });
        assert!(path.exists());

        let reused = ProcessIdentity { start_ticks: tree.leader().start_ticks + 1, ..tree.leader() };
        by_a_dead_owner(TreeTag::choose()).led_by(reused).write(&path).expect("written");
        assert_eq!(ProcessRecord::end_orphan(&path).await.expect("read"), Orphan::None);

        let another_boot = ProcessRecord { boot_id: "another".to_owned(), ..own };
        another_boot.write(&path).expect("written");
        assert_eq!(ProcessRecord::end_orphan(&path).await.expect("read"), Orphan::None);
        assert!(tree.leader().is_alive());
        tree.kill().await;
    }

    #[tokio::test]
    async fn a_broken_record_is_taken_away_and_none_is_fine() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.process");
        assert_eq!(ProcessRecord::end_orphan(&path).await.expect("nothing there"), Orphan::None);
        fs::write(&path, "{\"owner\":").expect("written");
        assert_eq!(ProcessRecord::end_orphan(&path).await.expect("removed"), Orphan::None);
        assert!(!path.exists());
    }
}
