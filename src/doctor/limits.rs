//! What the machine and its control groups leave: memory, processes, file descriptors, shared memory.

use std::{fs, path::Path};

use nix::sys::statvfs::statvfs;

use super::Finding;
use crate::{
    config::Config,
    host::{Headroom, HeadroomProbe},
};

const MB: u64 = 1024 * 1024;
/// A settled session on the headless shell (measured: 117 MB).
const SESSION_MB: u64 = 120;
/// A listener, an SSE client or a webhook each takes one; a start of Chromium some dozens.
const FEW_FILES: u64 = 4096;
const TOO_FEW_FILES: u64 = 512;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let headroom = HeadroomProbe::default().read();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    vec![memory(headroom, config), tasks(headroom, config), files(open_files(&limits)), shared_memory()]
}

fn memory(Headroom { memory_bytes, .. }: Headroom, config: &Config) -> Finding {
    let settings = &config.admission;
    let Some(free) = memory_bytes else {
        let advice = "without a limit and without /proc/meminfo nothing keeps browsers from using up all memory";
        return Finding::warn("memory", "nobody tells how much is free", advice);
    };
    let free_mb = free / MB;
    let start_mb = settings.memory_per_start_mb + settings.memory_reserve_mb;
    let sessions = free_mb.saturating_sub(settings.memory_reserve_mb) / SESSION_MB;
    let found =
        format!("{free_mb} MB can be had (the least of machine and control groups): room for {sessions} sessions more");
    let advice = format!(
        "a browser starts only with {start_mb} MB free ([admission] memory_per_start_mb and memory_reserve_mb): give the \
         machine or the container more, or stop what else runs"
    );
    match free_mb {
        _ if free_mb < start_mb => Finding::fail("memory", found, advice),
        _ if sessions < 2 => Finding::warn("memory", found, advice),
        _ => Finding::ok("memory", found),
    }
}

fn tasks(Headroom { tasks, .. }: Headroom, config: &Config) -> Finding {
    let needed = config.admission.tasks_per_start;
    match tasks {
        None => Finding::ok("processes", "no limit of a control group"),
        Some(left) if left < needed => Finding::fail(
            "processes",
            format!("{left} more may be started, and a browser needs {needed}"),
            "raise the container's pid limit (--pids-limit), or the service's TasksMax",
        ),
        Some(left) => {
            Finding::ok("processes", format!("{left} more may be started: room for {} browsers", left / needed.max(1)))
        }
    }
}

/// The soft limit; None when there is none, or nobody tells.
fn open_files(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

fn files(limit: Option<u64>) -> Finding {
    let advice = "raise it: ulimit -n 65536, LimitNOFILE= of the service, or --ulimit nofile=65536 of the container";
    match limit {
        None => Finding::ok("files", "no limit of open files"),
        Some(limit @ 0..TOO_FEW_FILES) => Finding::fail("files", format!("{limit} open files at most"), advice),
        Some(limit @ TOO_FEW_FILES..FEW_FILES) => Finding::warn("files", format!("{limit} open files at most"), advice),
        Some(limit) => Finding::ok("files", format!("{limit} open files at most")),
    }
}

/// drover's browsers do not use it (`--disable-dev-shm-usage`), so a container's small one is no trouble.
fn shared_memory() -> Finding {
    match statvfs(Path::new("/dev/shm")) {
        Ok(disk) => {
            let size_mb = disk.blocks().saturating_mul(disk.fragment_size()) / MB;
            Finding::ok("shm", format!("/dev/shm has {size_mb} MB; browsers use the disk instead, so any size will do"))
        }
        Err(_) => Finding::ok("shm", "there is no /dev/shm; browsers use the disk instead"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, doctor::Verdict};

    fn config() -> Config {
        config::load(&config::Sources::of(Path::new("/srv"), &[])).expect("the defaults").config
    }

    #[test]
    fn a_machine_without_room_for_a_start_fails() {
        let config = config();
        let of = |mb: u64| memory(Headroom { memory_bytes: Some(mb * MB), tasks: None }, &config).verdict;
        let start = config.admission.memory_per_start_mb + config.admission.memory_reserve_mb;
        assert_eq!(of(start - 1), Verdict::Fail);
        assert_eq!(of(start + 10 * SESSION_MB), Verdict::Ok);
        assert_eq!(memory(Headroom::default(), &config).verdict, Verdict::Warn);
    }

    #[test]
    fn a_pid_limit_below_a_browser_fails() {
        let config = config();
        let of = |tasks| super::tasks(Headroom { memory_bytes: None, tasks }, &config).verdict;
        assert_eq!((of(None), of(Some(1)), of(Some(10_000))), (Verdict::Ok, Verdict::Fail, Verdict::Ok));
    }

    #[test]
    fn open_files_are_read_from_the_kernel() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024       4096       files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files("Max open files  unlimited unlimited files"), None);
        assert_eq!(files(Some(1024)).verdict, Verdict::Warn);
        assert_eq!(files(Some(256)).verdict, Verdict::Fail);
    }
}
