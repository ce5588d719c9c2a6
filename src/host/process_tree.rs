//! A child with all that it starts, owned as one: a process group of its own, plus whoever left the group but carries its tag
//! (Chromium's crash handlers start sessions of their own).
//!
//! Invariants: the leader is reaped last, so that its zombie keeps the group's number from being given to strangers while
//! there is still something to kill; after [`ProcessTree::kill`], or a drop, nothing of the tree runs.

use std::{
    collections::BTreeSet,
    fmt, io,
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};
use tokio::{
    process::{ChildStderr, ChildStdout},
    signal::unix::{Signal as SignalStream, SignalKind, signal},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout_at},
};

use super::{
    log_tail::LogTail,
    process_table::{ProcessIdentity, Stat, TAG_VARIABLE, TreeTag, group_members, tagged},
};

/// SIGKILL takes effect at once unless a process sits in the kernel, on a broken disk for instance.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Members that are not our children send us no SIGCHLD: they are looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The output of a tree that is gone is at hand, unless somebody else has inherited its end of the pipe.
const READ_LIMIT: Duration = Duration::from_secs(1);
/// A drop may block its thread for 200 ms at most.
const DROP_ROUNDS: u32 = 40;
const DROP_PAUSE: Duration = Duration::from_millis(5);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(name) => write!(formatter, "signal {name}"),
                Err(_) => write!(formatter, "signal {number}"),
            },
        }
    }
}

/// Tells when the leader of a tree ended. Clones tell the same.
#[derive(Debug, Clone)]
pub struct ExitWatch(watch::Receiver<Option<Exit>>);

impl ExitWatch {
    /// Waits for the end. Cancel safe. None when the tree was dropped before anybody saw how it ended.
    pub async fn wait(&mut self) -> Option<Exit> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|exit| *exit)
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn now(&self) -> Option<Exit> {
        *self.0.borrow()
    }
}

/// A child, its process group and its strays. Must live inside a tokio runtime.
#[derive(Debug)]
pub struct ProcessTree {
    leader: ProcessIdentity,
    child: std::process::Child,
    tag: TreeTag,
    /// Members seen outside the group. A zombie cannot be recognised any more, so they are noted while they run.
    strays: Vec<ProcessIdentity>,
    log: LogTail,
    exit: ExitWatch,
    watcher: JoinHandle<()>,
    /// Read the output until the last writer is gone.
    followers: JoinSet<()>,
    is_reaped: bool,
}

impl ProcessTree {
    /// Starts the command as leader of a new process group, tagged, its output kept in [`Self::log`]. Standard input is
    /// left as the caller set it, and is nothing unless it did.
    ///
    /// # Errors
    /// When the program cannot be started; nothing runs then.
    pub fn spawn(mut command: Command, tag: TreeTag) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;
        // Listens before the child exists, so that its exit cannot be missed.
        let exits = signal(SignalKind::child())?;
        command.process_group(0).env(TAG_VARIABLE, tag.as_str()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pid = child.id();
        // A child that was not waited for stays at least as a zombie, so it has a start time.
        let Some(leader) = ProcessIdentity::of(pid) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(io::Error::new(io::ErrorKind::NotFound, "/proc is not mounted: drover needs it"));
        };
        let log = LogTail::new();
        let (published, exit) = watch::channel(None);
        let mut tree = Self {
            leader,
            child,
            tag,
            strays: Vec::new(),
            log,
            exit: ExitWatch(exit),
            watcher: tokio::spawn(watch_leader(pid, exits, published)),
            followers: JoinSet::new(),
            is_reaped: false,
        };
        tree.follow_output()?;
        Ok(tree)
    }

    fn follow_output(&mut self) -> io::Result<()> {
        if let Some(stdout) = self.child.stdout.take() {
            self.followers.spawn(self.log.clone().follow(ChildStdout::from_std(stdout)?));
        }
        if let Some(stderr) = self.child.stderr.take() {
            self.followers.spawn(self.log.clone().follow(ChildStderr::from_std(stderr)?));
        }
        Ok(())
    }

    /// The leader's pid, which is the process group's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.leader.pid
    }

    /// The leader.
    #[must_use]
    pub fn leader(&self) -> ProcessIdentity {
        self.leader
    }

    /// What it wrote last.
    #[must_use]
    pub fn log(&self) -> &LogTail {
        &self.log
    }

    /// Tells of the leader's end.
    #[must_use]
    pub fn exit_watch(&self) -> ExitWatch {
        self.exit.clone()
    }

    /// Notes the members that left the group, while they can still be recognised. To be called once the child is up; without
    /// it, those that end before [`Self::terminate`] or [`Self::kill`] stay zombies for as long as this process lives.
    pub fn note_strays(&mut self) {
        for stat in tagged(&self.tag) {
            if stat.group != self.leader.pid && !self.strays.contains(&stat.identity) {
                self.strays.push(stat.identity);
            }
        }
    }

    /// Waits for the leader's end, as [`ExitWatch::wait`] does. Cancel safe.
    pub async fn wait_exit(&mut self) -> Option<Exit> {
        self.exit.wait().await
    }

    /// Asks the program to end (SIGTERM), waits at most `grace` until nobody of its group runs any more, then ends and reaps
    /// whatever is left.
    pub async fn terminate(&mut self, grace: Duration) -> Option<Exit> {
        self.note_strays();
        if self.exit.now().is_none() {
            // Each once: a second SIGTERM makes Chromium drop everything.
            let asked: BTreeSet<u32> = programs(self.leader.pid).into_iter().chain([self.leader.pid]).collect();
            for pid in asked {
                let _ = kill(raw(pid), Signal::SIGTERM);
            }
            let deadline = Instant::now() + grace;
            while Instant::now() < deadline && group_members(self.leader.pid).iter().any(Stat::is_running) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        self.kill().await;
        self.exit.now()
    }

    /// Ends the whole tree and reaps what is ours of it. Also for a tree whose leader ended by itself: its members need not
    /// have. May be called again.
    pub async fn kill(&mut self) {
        if self.is_reaped {
            return;
        }
        // Before the first signal: who left the group often ends with the rest of it, and a zombie cannot be recognised.
        self.note_strays();
        let deadline = Instant::now() + KILL_LIMIT;
        let mut exits = signal(SignalKind::child()).ok();
        while !self.kill_and_reap_once() {
            if Instant::now() >= deadline {
                tracing::error!(
                    process_group = self.leader.pid,
                    "a process does not end on SIGKILL: it hangs in the kernel; look at the disk under the data folder"
                );
                return;
            }
            let next_look = Instant::now() + LOOK_EVERY;
            if let Some(exits) = &mut exits {
                let _ = timeout_at(next_look, exits.recv()).await;
            } else {
                tokio::time::sleep_until(next_look).await;
            }
        }
        // Nobody writes any more: what was said last is read to its end.
        let read_all = async { while self.followers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(READ_LIMIT, read_all).await;
    }

    /// One round; true when nothing is left.
    fn kill_and_reap_once(&mut self) -> bool {
        let is_alone = self.kill_members();
        // The watcher sees the exit first; then the zombie may go.
        let leader_ended = self.exit.now().is_some() || self.exit.0.has_changed().is_err();
        if is_alone && leader_ended {
            self.reap_leader();
        }
        self.is_reaped
    }

    /// Kills everybody, reaps all but the leader. True when the leader is the last.
    fn kill_members(&mut self) -> bool {
        // The unreaped leader keeps the number of the group its own.
        let _ = killpg(raw(self.leader.pid), Signal::SIGKILL);
        self.note_strays();
        let group = group_members(self.leader.pid).into_iter().filter(|stat| stat.identity != self.leader);
        let strays =
            self.strays.iter().filter_map(|stray| Stat::read(stray.pid).filter(|stat| stat.identity == *stray));
        let members: Vec<Stat> = group.chain(strays).collect();
        let mut tree: BTreeSet<u32> = members.iter().map(|stat| stat.identity.pid).collect();
        tree.insert(self.leader.pid);
        members.iter().filter(|stat| !end_and_reap(stat, &tree)).count() == 0
    }

    fn reap_leader(&mut self) {
        self.is_reaped = matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
    }
}

impl Drop for ProcessTree {
    /// The last resort, when nobody awaited [`Self::kill`]: kills, and reaps what is dead at once.
    fn drop(&mut self) {
        self.watcher.abort();
        for _ in 0..DROP_ROUNDS {
            if self.is_reaped {
                return;
            }
            if self.kill_members() {
                self.reap_leader();
            }
            std::thread::sleep(DROP_PAUSE);
        }
    }
}

/// Who is to be asked when a tree shall end by itself: where the leader is a shell that waits for the program, as Debian's
/// launcher of Chromium is, the program; else the leader.
pub(super) fn programs(leader: u32) -> Vec<u32> {
    const SHELLS: [&str; 4] = ["dash", "bash", "sh", "busybox"];
    let is_shell = std::fs::read_link(format!("/proc/{leader}/exe"))
        .is_ok_and(|path| path.file_name().is_some_and(|name| SHELLS.iter().any(|shell| name == *shell)));
    let children = group_members(leader).into_iter().filter(|member| is_shell && member.parent == leader);
    let children: Vec<u32> = children.map(|member| member.identity.pid).collect();
    if children.is_empty() { vec![leader] } else { children }
}

/// Kills a member, reaps it if it is our child. True when it is gone, or a zombie for a stranger to reap. One whose parent is of the
/// tree becomes ours when that parent dies, which may be between two looks: it is not gone before it has.
fn end_and_reap(stat: &Stat, tree: &BTreeSet<u32>) -> bool {
    let pid = raw(stat.identity.pid);
    if stat.is_running() {
        let _ = kill(pid, Signal::SIGKILL);
    }
    if stat.parent != std::process::id() {
        return !stat.is_running() && !tree.contains(&stat.parent);
    }
    match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => false,
        Ok(_) | Err(Errno::ECHILD) => true,
        Err(_) => false,
    }
}

/// Publishes the leader's exit without reaping it.
async fn watch_leader(pid: u32, mut exits: SignalStream, published: watch::Sender<Option<Exit>>) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    loop {
        match waitid(Id::Pid(raw(pid)), flags) {
            Ok(WaitStatus::Exited(_, code)) => return published.send_modify(|exit| *exit = Some(Exit::Code(code))),
            Ok(WaitStatus::Signaled(_, by, _)) => {
                return published.send_modify(|exit| *exit = Some(Exit::Signal(by as i32)));
            }
            Err(Errno::ECHILD) => return,
            Ok(_) | Err(_) => {}
        }
        if exits.recv().await.is_none() {
            return;
        }
    }
}

/// Pids are positive 31 bit numbers on Linux.
pub(super) fn raw(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).stdin(Stdio::null());
        command
    }

    /// Pids that the script prints, one a line.
    async fn printed(tree: &ProcessTree, count: usize) -> Vec<ProcessIdentity> {
        let numbers = |line: &str| line.strip_prefix("pids ").map(str::to_owned);
        let line =
            tokio::time::timeout(Duration::from_secs(10), tree.log().find(numbers)).await.expect("printed in time");
        let pids: Vec<u32> = line.split(' ').map(|pid| pid.parse().expect("a pid")).collect();
        assert_eq!(pids.len(), count);
        pids.into_iter().map(|pid| ProcessIdentity::of(pid).expect("it runs")).collect()
    }

    fn is_gone(process: ProcessIdentity) -> bool {
        ProcessIdentity::of(process.pid) != Some(process)
    }

    #[tokio::test]
    async fn a_kill_ends_and_reaps_the_group_and_who_left_it() {
        crate::host::become_subreaper().expect("Linux");
        let script = "sleep 60 & a=$!; setsid sleep 60 & b=$!; (setsid sh -c 'echo $$ > /dev/null; sleep 60' &) ; echo pids $a $b; wait";
        let mut tree = ProcessTree::spawn(shell(script), TreeTag::choose()).expect("sh starts");
        let members = printed(&tree, 2).await;
        tree.kill().await;
        assert!(members.iter().all(|member| is_gone(*member)));
        assert!(is_gone(tree.leader()));
        assert_eq!(tree.wait_exit().await, Some(Exit::Signal(9)));
        assert!(tagged(&tree.tag).is_empty());
    }

    /// Who dies under a parent that never waits becomes ours only when that parent is dead.
    #[tokio::test]
    async fn zombies_of_members_are_reaped_when_they_become_ours() {
        crate::host::become_subreaper().expect("Linux");
        for _ in 0..5 {
            let script = "sh -c 'sleep 0 & sleep 0 & exec sleep 60' & echo pids $!; wait";
            let mut tree = ProcessTree::spawn(shell(script), TreeTag::choose()).expect("sh starts");
            printed(&tree, 1).await;
            let group = tree.id();
            let has_zombies = || group_members(group).iter().filter(|stat| !stat.is_running()).count() == 2;
            while !has_zombies() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // As seen just before the parent's end: nothing says that these two will be reaped by anybody but us.
            let seen: Vec<Stat> = group_members(group).into_iter().filter(|stat| !stat.is_running()).collect();
            let pids: BTreeSet<u32> = group_members(group).iter().map(|stat| stat.identity.pid).collect();
            assert!(seen.iter().all(|zombie| !end_and_reap(zombie, &pids)), "they are still to be waited for");
            tree.kill().await;
            assert!(group_members(group).is_empty(), "{:?}", group_members(group));
        }
    }

    #[tokio::test]
    async fn a_leaders_end_is_told_and_its_members_are_ended_after_it() {
        crate::host::become_subreaper().expect("Linux");
        let mut tree =
            ProcessTree::spawn(shell("sleep 60 & echo pids $!; exit 21"), TreeTag::choose()).expect("sh starts");
        let members = printed(&tree, 1).await;
        assert_eq!(tree.wait_exit().await, Some(Exit::Code(21)));
        assert!(members[0].is_alive());
        tree.kill().await;
        assert!(is_gone(members[0]) && is_gone(tree.leader()));
    }

    #[tokio::test]
    async fn terminate_lets_it_end_by_itself_and_kills_who_will_not() {
        let script = "trap 'echo bye; exit 3' TERM; echo pids $$; while :; do sleep 0.05; done";
        let mut polite = ProcessTree::spawn(shell(script), TreeTag::choose()).expect("sh starts");
        printed(&polite, 1).await;
        assert_eq!(polite.terminate(Duration::from_secs(10)).await, Some(Exit::Code(3)));
        assert!(is_gone(polite.leader()));

        let deaf = "trap '' TERM; echo pids $$; while :; do sleep 0.05; done";
        let mut deaf = ProcessTree::spawn(shell(deaf), TreeTag::choose()).expect("sh starts");
        printed(&deaf, 1).await;
        assert_eq!(deaf.terminate(Duration::from_millis(100)).await, Some(Exit::Signal(9)));
        assert!(is_gone(deaf.leader()));
    }

    #[tokio::test]
    async fn a_drop_ends_it_too() {
        let tree = ProcessTree::spawn(shell("sleep 60 & echo pids $!; wait"), TreeTag::choose()).expect("sh starts");
        let members = printed(&tree, 1).await;
        let leader = tree.leader();
        drop(tree);
        assert!(is_gone(leader) && !members[0].is_alive());
    }

    #[tokio::test]
    async fn other_children_are_left_to_who_waits_for_them() {
        let mut other = tokio::process::Command::new("sh").args(["-c", "exit 7"]).spawn().expect("sh starts");
        let mut tree = ProcessTree::spawn(shell("exit 1"), TreeTag::choose()).expect("sh starts");
        tree.wait_exit().await;
        tree.kill().await;
        assert_eq!(other.wait().await.expect("its exit is still there").code(), Some(7));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error() {
        assert!(ProcessTree::spawn(Command::new("/nowhere/at/all"), TreeTag::choose()).is_err());
    }
}
