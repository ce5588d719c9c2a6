//! What the machine has left for further processes: memory and tasks, by the machine's own figures and by every control group above
//! this process (versions 1 and 2), whichever leaves less.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is left. None: there is no limit that could be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headroom {
    /// Memory that could be had without swapping, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads that could still be started.
    pub tasks: Option<u64>,
}

/// What the machine, or the container, has at all. None: no limit that could be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MachineLimits {
    /// The memory of the machine, or the least limit of a control group, in bytes.
    pub memory_bytes: Option<u64>,
    /// The processes and threads that there are in the control group with the least limit.
    pub tasks_current: Option<u64>,
    /// How many there may be.
    pub tasks_max: Option<u64>,
}

/// Reads `/proc` and `/sys` under some root.
#[derive(Debug, Clone)]
pub struct HeadroomProbe {
    root: PathBuf,
}

impl Default for HeadroomProbe {
    fn default() -> Self {
        Self::under(Path::new("/"))
    }
}

/// A control group's files for one resource.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// In `memory.stat`: the part of what is used that can be had back at once, the page cache.
    reclaimable: Option<&'static str>,
}

/// A control group's folder, and which files of it say what.
type Group = (PathBuf, &'static Files);

static MEMORY_V2: Files = Files { limit: "memory.max", used: "memory.current", reclaimable: Some("inactive_file") };
static MEMORY_V1: Files =
    Files { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", reclaimable: Some("total_inactive_file") };
static TASKS: Files = Files { limit: "pids.max", used: "pids.current", reclaimable: None };

/// Version 1 has no word for "no limit": it is the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 60;

impl HeadroomProbe {
    /// For tests: as if `root` were `/`.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// What is left now.
    #[must_use]
    pub fn read(&self) -> Headroom {
        let (memory, tasks) = self.groups();
        let left = |groups: Vec<Group>| groups.iter().filter_map(|(group, files)| left(group, files)).min();
        let memory_bytes = self.machine_memory("MemAvailable:").into_iter().chain(left(memory)).min();
        Headroom { memory_bytes, tasks: left(tasks) }
    }

    /// What there is at all.
    #[must_use]
    pub fn limits(&self) -> MachineLimits {
        let (memory, tasks) = self.groups();
        let of_groups = memory.iter().filter_map(|(group, files)| limit(group, files)).min();
        let tightest =
            tasks.iter().filter_map(|(group, files)| Some((limit(group, files)?, number(group, files.used)))).min();
        let tasks_current = match tightest {
            Some((_, current)) => current,
            None => tasks.iter().find_map(|(group, files)| number(group, files.used)),
        };
        MachineLimits {
            memory_bytes: self.machine_memory("MemTotal:").into_iter().chain(of_groups).min(),
            tasks_current,
            tasks_max: tightest.map(|(max, _)| max),
        }
    }

    /// The folders of the groups above this process, for memory and for tasks, the nearest first.
    fn groups(&self) -> (Vec<Group>, Vec<Group>) {
        let groups = fs::read_to_string(self.root.join("proc/self/cgroup")).unwrap_or_default();
        let (mut memory, mut tasks) = (Vec::new(), Vec::new());
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            if controllers.is_empty() {
                for mount in ["sys/fs/cgroup", "sys/fs/cgroup/unified"] {
                    memory.extend(self.chain(mount, path).map(|group| (group, &MEMORY_V2)));
                    tasks.extend(self.chain(mount, path).map(|group| (group, &TASKS)));
                }
            }
            for controller in controllers.split(',') {
                match controller {
                    "memory" => {
                        memory.extend(self.chain("sys/fs/cgroup/memory", path).map(|group| (group, &MEMORY_V1)));
                    }
                    "pids" => tasks.extend(self.chain("sys/fs/cgroup/pids", path).map(|group| (group, &TASKS))),
                    _ => {}
                }
            }
        }
        (memory, tasks)
    }

    fn machine_memory(&self, name: &str) -> Option<u64> {
        let text = fs::read_to_string(self.root.join("proc/meminfo")).ok()?;
        let kib: u64 = text.lines().find_map(|line| line.strip_prefix(name))?.trim().split(' ').next()?.parse().ok()?;
        Some(kib.saturating_mul(1024))
    }

    /// A group and those above it. In a container the path may be the host's, which is not to be seen here; the mount's root is the
    /// container's own group then.
    fn chain(&self, mount: &str, path: &str) -> impl Iterator<Item = PathBuf> + use<> {
        let mount = self.root.join(mount);
        let group = mount.join(path.trim_start_matches('/'));
        let chain: Vec<PathBuf> =
            group.ancestors().take_while(|folder| folder.starts_with(&mount)).map(Path::to_owned).collect();
        chain.into_iter()
    }
}

fn number(group: &Path, name: &str) -> Option<u64> {
    fs::read_to_string(group.join(name)).ok()?.trim().parse().ok()
}

fn limit(group: &Path, files: &Files) -> Option<u64> {
    number(group, files.limit).filter(|limit| *limit < NO_LIMIT)
}

fn left(group: &Path, files: &Files) -> Option<u64> {
    let limit = limit(group, files)?;
    let reclaimable = files.reclaimable.and_then(|name| statistic(&group.join("memory.stat"), name)).unwrap_or(0);
    Some(limit.saturating_sub(number(group, files.used)?.saturating_sub(reclaimable)))
}

fn statistic(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with 4 GiB available and these files.
    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, HeadroomProbe) {
        let root = tempfile::tempdir().expect("a folder");
        let all = [("proc/meminfo", "MemTotal:  8388608 kB\nMemAvailable:    4194304 kB\n")];
        for (path, text) in all.iter().chain(files) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let probe = HeadroomProbe::under(root.path());
        (root, probe)
    }

    const GIB: u64 = 1 << 30;

    #[test]
    fn without_groups_the_machine_counts() {
        let (_root, probe) = machine(&[]);
        assert_eq!(probe.read(), Headroom { memory_bytes: Some(4 * GIB), tasks: None });
        assert_eq!(HeadroomProbe::under(Path::new("/nowhere")).read(), Headroom::default());
    }

    #[test]
    fn the_tightest_group_of_version_2_counts_and_its_page_cache_does_not() {
        let (_root, probe) = machine(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/a/memory.current", "805306368\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 268435456\nactive_file 7\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "805306368\n"),
            ("sys/fs/cgroup/a/b/pids.max", "500\n"),
            ("sys/fs/cgroup/a/b/pids.current", "120\n"),
        ]);
        assert_eq!(probe.read(), Headroom { memory_bytes: Some(GIB / 2), tasks: Some(380) });
        let limits = MachineLimits { memory_bytes: Some(GIB), tasks_current: Some(120), tasks_max: Some(500) };
        assert_eq!(probe.limits(), limits);
    }

    #[test]
    fn version_1_is_read_at_the_mount_when_the_path_is_the_hosts() {
        let (_root, probe) = machine(&[
            ("proc/self/cgroup", "8:pids:/docker/x\n4:cpu,memory:/docker/x\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/memory.stat", "inactive_file 5\ntotal_inactive_file 1024\n"),
            ("sys/fs/cgroup/pids/pids.max", "max\n"),
            ("sys/fs/cgroup/pids/pids.current", "9\n"),
        ]);
        assert_eq!(probe.read(), Headroom { memory_bytes: Some(1024), tasks: None });
        let limits = MachineLimits { memory_bytes: Some(GIB), tasks_current: Some(9), tasks_max: None };
        assert_eq!(probe.limits(), limits);
    }

    #[test]
    fn no_limit_of_version_1_is_none() {
        let (_root, probe) = machine(&[
            ("proc/self/cgroup", "4:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n"),
        ]);
        assert_eq!(probe.read().memory_bytes, Some(4 * GIB));
        assert_eq!(probe.limits().memory_bytes, Some(8 * GIB));
    }
}
