//! What this process uses itself, read from `/proc/self` when somebody asks.

use std::fs;

use super::process_table;

/// What this process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnUsage {
    /// Its memory, without its children's, in bytes.
    pub resident_bytes: u64,
    /// Its address space in bytes.
    pub virtual_bytes: u64,
    /// Its threads.
    pub threads: u64,
    /// Its open files and sockets.
    pub open_fds: u64,
    /// How many of them it may have.
    pub max_fds: u64,
    /// Whole seconds of processor time.
    pub cpu_s: u64,
    /// Unix time in seconds of its start.
    pub started_at_s: u64,
    /// Its children that have ended and were not reaped yet.
    pub zombies: u64,
}

impl OwnUsage {
    /// As of now; what cannot be read is zero.
    #[must_use]
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kib = |name: &str| field(&status, name).unwrap_or(0).saturating_mul(1024);
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let booted_at_s = field(&fs::read_to_string("/proc/stat").unwrap_or_default(), "btime").unwrap_or(0);
        Self {
            resident_bytes: kib("VmRSS:"),
            virtual_bytes: kib("VmSize:"),
            threads: field(&status, "Threads:").unwrap_or(0),
            open_fds: fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
            max_fds: max_fds(&fs::read_to_string("/proc/self/limits").unwrap_or_default()).unwrap_or(0),
            cpu_s: ticks(&stat, USER_TIME).saturating_add(ticks(&stat, SYSTEM_TIME)) / TICKS_PER_S,
            started_at_s: booted_at_s + ticks(&stat, START_TIME) / TICKS_PER_S,
            zombies: process_table::zombies_of(std::process::id()) as u64,
        }
    }
}

/// `USER_HZ`, which Linux shows to programs as 100 on every architecture that drover runs on.
const TICKS_PER_S: u64 = 100;

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn max_fds(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

// Fields of /proc/self/stat, counted from the third: the second may hold anything in brackets.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const START_TIME: usize = 19;

fn ticks(stat: &str, field: usize) -> u64 {
    let Some((_, rest)) = stat.rsplit_once(") ") else { return 0 };
    rest.split(' ').nth(field).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_uses_something() {
        let usage = OwnUsage::read();
        assert!(usage.resident_bytes > 1 << 20 && usage.virtual_bytes >= usage.resident_bytes, "{usage:?}");
        assert!(usage.threads >= 1 && usage.open_fds >= 3 && usage.max_fds >= usage.open_fds, "{usage:?}");
        assert!(usage.started_at_s > 1_600_000_000, "{usage:?}");
    }

    #[test]
    fn the_lines_are_read_by_their_fields() {
        assert_eq!(
            max_fds("Limit   Soft Limit\nMax open files            1024                 4096    files\n"),
            Some(1024)
        );
        let stat = "7 (a) b) S 1 7 7 0 -1 4 10 0 0 0 250 150 0 0 20 0 1 0 900 4096";
        assert_eq!((ticks(stat, USER_TIME), ticks(stat, SYSTEM_TIME), ticks(stat, START_TIME)), (250, 150, 900));
        assert_eq!(ticks("", USER_TIME), 0);
        assert_eq!(field("VmRSS:\t   2048 kB\n", "VmRSS:"), Some(2048));
    }

    #[test]
    fn a_child_that_nobody_waited_for_is_seen() {
        let mut child = std::process::Command::new("true").spawn().expect("true");
        let mut looks = 0;
        while OwnUsage::read().zombies == 0 {
            looks += 1;
            assert!(looks < 5_000, "it never ended");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.wait().expect("ours");
    }
}
