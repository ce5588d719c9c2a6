//! What processes hold, from `/proc`: private memory and the share of what is common (Pss), summed over whole trees.
//!
//! A tree is its leader's process group, whoever descends from it, and whoever left it but carries its tag. Reading is blocking. The
//! kernel walks all pages of a process for its private memory, a millisecond or two for each of Chromium's: so that is asked
//! anew only of a process that grew or shrank meanwhile, and of every other one now and then.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    time::{Duration, Instant},
};

use super::process_table::{ProcessIdentity, Stat, all, tag_of};

/// By how much the resident memory of a process may differ while it counts as unchanged: 256 KiB in pages of 4 KiB.
const UNCHANGED_PAGES: u64 = 64;
/// How long what a process held is believed while it is unchanged.
const BELIEVED: Duration = Duration::from_secs(120);

/// What a tree holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TreeMemory {
    /// What nobody else holds: `Private_Clean + Private_Dirty + Swap`, in bytes.
    pub private_bytes: u64,
    /// With its share of what others hold, too, in bytes.
    pub pss_bytes: u64,
    /// How many processes it has.
    pub processes: u32,
}

impl std::ops::AddAssign for TreeMemory {
    fn add_assign(&mut self, other: Self) {
        self.private_bytes += other.private_bytes;
        self.pss_bytes += other.pss_bytes;
        self.processes += other.processes;
    }
}

/// What drover and all that it started hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// By the leader's pid.
    pub trees: BTreeMap<u32, TreeMemory>,
    /// This process.
    pub own: TreeMemory,
    /// Its other descendants: a private Redis.
    pub others: TreeMemory,
}

/// Measures, and remembers what it measured.
#[derive(Debug, Default)]
pub struct MemorySampler {
    known: HashMap<ProcessIdentity, Known>,
}

/// What a process held when it was last asked.
#[derive(Debug, Clone, Copy)]
struct Known {
    held: TreeMemory,
    resident_pages: u64,
    at: Instant,
}

impl MemorySampler {
    /// Measures the trees of these leaders, this process, and what else it started.
    pub fn measure(&mut self, leaders: &[u32]) -> MemoryUse {
        let now = Instant::now();
        let mut asked = HashMap::new();
        let used = measure(leaders, |stat| {
            let known = self.known.get(&stat.identity).filter(|known| known.still_holds(stat, now)).copied();
            let known = known.unwrap_or_else(|| Known {
                held: of_process(stat.identity.pid).unwrap_or_default(),
                resident_pages: stat.resident_pages,
                at: now,
            });
            asked.insert(stat.identity, known);
            known.held
        });
        // Those that ended are forgotten.
        self.known = asked;
        used
    }
}

impl Known {
    fn still_holds(&self, stat: &Stat, now: Instant) -> bool {
        stat.resident_pages.abs_diff(self.resident_pages) <= UNCHANGED_PAGES && now.duration_since(self.at) < BELIEVED
    }
}

fn measure(leaders: &[u32], mut held_by: impl FnMut(&Stat) -> TreeMemory) -> MemoryUse {
    let processes: HashMap<u32, Stat> = all().filter(Stat::is_running).map(|stat| (stat.identity.pid, stat)).collect();
    let tags: HashMap<String, u32> = leaders.iter().filter_map(|leader| Some((tag_of(*leader)?, *leader))).collect();
    let own = std::process::id();
    let mut used = MemoryUse {
        trees: leaders.iter().map(|leader| (*leader, TreeMemory::default())).collect(),
        ..MemoryUse::default()
    };
    for stat in processes.values() {
        let pid = stat.identity.pid;
        let holder = match owner(stat, &processes, &used.trees, own) {
            Owner::Nobody => continue,
            Owner::Tree(leader) => used.trees.get_mut(&leader),
            // Who was adopted by this process is known by its tag alone.
            Owner::This if stat.parent == own => {
                tag_of(pid).and_then(|tag| tags.get(&tag)).and_then(|leader| used.trees.get_mut(leader))
            }
            Owner::This => None,
        };
        let is_own = pid == own;
        let held = held_by(stat);
        match holder {
            Some(tree) => *tree += held,
            None if is_own => used.own += held,
            None => used.others += held,
        }
    }
    used
}

enum Owner {
    Tree(u32),
    This,
    Nobody,
}

/// Whose a process is, by its group and its ancestors.
fn owner(stat: &Stat, processes: &HashMap<u32, Stat>, trees: &BTreeMap<u32, TreeMemory>, own: u32) -> Owner {
    /// Deeper than any tree of Chromium's.
    const DEEPEST: usize = 32;
    let mut current = *stat;
    for _ in 0..DEEPEST {
        if trees.contains_key(&current.group) {
            return Owner::Tree(current.group);
        }
        if current.identity.pid == own {
            return Owner::This;
        }
        match processes.get(&current.parent) {
            Some(parent) => current = *parent,
            None => return Owner::Nobody,
        }
    }
    Owner::Nobody
}

/// What one process holds; None when it is gone. A sandboxed renderer may be closed to all but root: then by its status, in which
/// anonymous and shared memory stand for what is private.
fn of_process(pid: u32) -> Option<TreeMemory> {
    if let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        return Some(of_rollup(&rollup));
    }
    of_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn of_rollup(text: &str) -> TreeMemory {
    let bytes = |name| bytes_of(text, name).unwrap_or(0);
    let swap_bytes = bytes("Swap:");
    TreeMemory {
        private_bytes: bytes("Private_Clean:") + bytes("Private_Dirty:") + swap_bytes,
        pss_bytes: bytes("Pss:") + bytes_of(text, "SwapPss:").unwrap_or(swap_bytes),
        processes: 1,
    }
}

fn of_status(text: &str) -> Option<TreeMemory> {
    let bytes = |name| bytes_of(text, name);
    let held_bytes = bytes("RssAnon:")? + bytes("RssShmem:").unwrap_or(0) + bytes("VmSwap:").unwrap_or(0);
    Some(TreeMemory { private_bytes: held_bytes, pss_bytes: held_bytes, processes: 1 })
}

/// `Name:   12 kB`
fn bytes_of(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{ProcessTree, TreeTag};
    use std::{
        process::{Command, Stdio},
        time::Duration,
    };

    #[test]
    fn private_memory_is_what_is_clean_dirty_or_swapped_out() {
        let text = "55d-7ff ---p 0 00:00 0 [rollup]\nRss: 100 kB\nPss:      40 kB\nPss_Anon: 7 kB\nShared_Clean: 60 kB\n\
                    Private_Clean:      5 kB\nPrivate_Dirty:     20 kB\nSwap:      3 kB\nSwapPss:   2 kB\n";
        let expected = TreeMemory { private_bytes: 28 * 1024, pss_bytes: 42 * 1024, processes: 1 };
        assert_eq!(of_rollup(text), expected);
        let status = "VmRSS:\t 90 kB\nRssAnon:\t 30 kB\nRssFile:\t 50 kB\nRssShmem:\t 10 kB\nVmSwap:\t 2 kB\n";
        assert_eq!(of_status(status).map(|held| held.private_bytes), Some(42 * 1024));
        assert_eq!(of_status("Name: x\n"), None, "a kernel thread holds nothing");
    }

    #[test]
    fn what_grew_or_shrank_is_asked_anew_and_the_rest_now_and_then() {
        let stat = Stat::read(std::process::id()).expect("/proc is there");
        let now = Instant::now();
        let known = Known { held: TreeMemory::default(), resident_pages: stat.resident_pages, at: now };
        assert!(known.still_holds(&stat, now + BELIEVED - Duration::from_secs(1)));
        assert!(!known.still_holds(&stat, now + BELIEVED));
        let it_had = |resident_pages| Known { resident_pages, ..known };
        assert!(!it_had(stat.resident_pages - UNCHANGED_PAGES - 1).still_holds(&stat, now), "it grew");
        assert!(it_had(stat.resident_pages - UNCHANGED_PAGES).still_holds(&stat, now));
        assert!(!it_had(stat.resident_pages + UNCHANGED_PAGES + 1).still_holds(&stat, now), "it shrank");
    }

    #[tokio::test]
    async fn a_tree_is_measured_with_who_left_its_group() {
        crate::host::become_subreaper().expect("Linux");
        // Each stops itself then, so that nothing of it changes any more; a shell holds some hundred kB.
        let hold = "x=$(head -c 8000000 /dev/zero | tr '\\0' x); echo $$; kill -STOP $$";
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("(setsid sh -c \"{}\" &); {hold}", hold.replace('$', "\\$")))
            .stdin(Stdio::null());
        let mut tree = ProcessTree::spawn(command, TreeTag::choose()).expect("sh starts");
        let is_stopped =
            |pid: &String| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") T "));
        let both_hold = async {
            while tree.log().lines().iter().filter(|line| is_stopped(line)).count() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), both_hold).await.expect("they hold it in time");
        let mut sampler = MemorySampler::default();
        let used = sampler.measure(&[tree.id()]);
        let held = used.trees[&tree.id()];
        assert!(held.private_bytes >= 16_000_000, "{held:?}");
        assert!(held.processes >= 2, "{held:?}");
        assert!(used.own.private_bytes > 1 << 20 && used.own.processes == 1, "{used:?}");
        let known = sampler.known.clone();
        assert_eq!(sampler.measure(&[tree.id()]).trees[&tree.id()], held, "who sleeps is not asked again");
        let asked_again = |pid| {
            let of_pid = |known: &HashMap<ProcessIdentity, Known>| {
                known.iter().find(|(who, _)| who.pid == pid).map(|(_, known)| known.at)
            };
            of_pid(&sampler.known) != of_pid(&known)
        };
        assert!(!asked_again(tree.id()));
        tree.kill().await;
        assert_eq!(sampler.measure(&[tree.id()]).trees[&tree.id()].processes, 0, "nothing is left");
        assert!(sampler.known.keys().all(|who| who.pid != tree.id()), "and nothing is remembered");
    }
}
