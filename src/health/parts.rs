//! The parts, one function each.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use tokio::{sync::Semaphore, time::timeout};

use super::{Inner, LIMIT, Part, Report};
use crate::{
    config,
    host::{Disk, Headroom, try_writing},
    model::SessionView,
    store::Due,
};

const MIB: u64 = 1 << 20;
/// With less, SQLite and Chromium fail at their next write.
const DISK_LEAST_BYTES: u64 = 16 * MIB;
/// With less than this part of what a start needs, the kernel is about to end processes.
const MEMORY_LEAST_PART: u64 = 4;

impl Inner {
    /// Asks all parts at a time.
    pub(super) async fn ask(&self) -> Report {
        let views = self.sources.registry.views();
        let (database, redis, queue, (disk, browser)) =
            tokio::join!(self.database(), self.redis(), self.queue(), self.disk_and_browser(&views));
        let memory = memory(self.headroom.read(), self.thresholds.memory_bytes);
        let bridge = bridge(&views);
        Report {
            parts: BTreeMap::from([
                ("database", database),
                ("redis", redis),
                ("queue", queue),
                ("disk", disk),
                ("browser", browser),
                ("memory", memory),
                ("bridge", bridge),
            ]),
        }
    }

    async fn database(&self) -> Part {
        answered(timeout(LIMIT, self.sources.store.ping()).await)
    }

    async fn redis(&self) -> Part {
        answered(timeout(LIMIT, self.sources.queue.ping()).await)
    }

    /// Whether what could be sent is sent. What a session may not send yet, by its limits or while it is paused, is no trouble.
    async fn queue(&self) -> Part {
        if !self.sources.queue.is_up() {
            return Part::down("Redis does not answer: messages are taken over and wait in the database");
        }
        let now_ms = self.sources.clock.now_ms();
        let looked = async {
            let paused = self.sources.store.pauses().list().await?;
            let due = self.sources.store.messages().due(now_ms).await?;
            Ok::<_, crate::store::StoreError>((paused, due))
        };
        match timeout(LIMIT, looked).await {
            Ok(Ok((paused, due))) if !paused.all => {
                let due: Vec<Due> = due.into_iter().filter(|due| !paused.sessions.contains_key(&due.session)).collect();
                queue(&due, now_ms, self.thresholds.health.queue_wait_s)
            }
            Ok(Ok(_)) => Part::up(),
            Ok(Err(error)) => Part::down(error.to_string()),
            Err(_) => Part::down("the database does not answer in time"),
        }
    }

    async fn disk_and_browser(&self, views: &[SessionView]) -> (Part, Part) {
        let (folder, search) = (self.sources.data_dir.clone(), self.sources.search.clone());
        let (health, quarantined) =
            (self.thresholds.health, views.iter().filter(|view| view.health.quarantined).count());
        let looked = blocking(&self.blocking, move || {
            let browser = match search.find() {
                Err(error) => Part::down(error.to_string()),
                Ok(_) if quarantined > 0 => {
                    let message =
                        "sessions crash or hang too often: their restarts wait; look at their screenshots and logs";
                    Part::degraded(message).with("quarantinedSessions", quarantined)
                }
                Ok(_) => Part::up(),
            };
            (disk(&folder, health), browser)
        });
        looked.await.unwrap_or_else(|| {
            let hangs = || Part::down("the disk does not answer in time");
            (hangs(), hangs())
        })
    }
}

fn answered<E: std::fmt::Display>(answer: Result<Result<(), E>, tokio::time::error::Elapsed>) -> Part {
    match answer {
        Ok(Ok(())) => Part::up(),
        Ok(Err(error)) => Part::down(error.to_string()),
        Err(_) => Part::down("it does not answer in time"),
    }
}

/// Runs what blocks; None when it takes too long, or an earlier look still hangs.
async fn blocking<T: Send + 'static>(one: &Arc<Semaphore>, look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let looked = async {
        let permit = Arc::clone(one).acquire_owned().await.ok()?;
        let looking = tokio::task::spawn_blocking(move || {
            let found = look();
            drop(permit);
            found
        });
        looking.await.ok()
    };
    timeout(LIMIT, looked).await.ok().flatten()
}

fn disk(folder: &Path, thresholds: config::Health) -> Part {
    let disk = match Disk::of(folder) {
        Ok(disk) => disk,
        Err(error) => return Part::down(format!("the data folder cannot be looked at: {error}")),
    };
    let part = if disk.is_read_only {
        Part::down("the data folder's disk is mounted read-only: nothing can be kept; mount it writable")
    } else if disk.available_bytes < DISK_LEAST_BYTES {
        Part::down("the data folder's disk is full: make room on it, or give it more")
    } else if let Err(error) = try_writing(folder) {
        Part::down(format!(
            "the data folder cannot be written to ({error}): nothing can be kept; look at dmesg, mount it writable"
        ))
    } else if disk.available_bytes < thresholds.disk_free_mb.saturating_mul(MIB) {
        Part::degraded("the data folder's disk is nearly full: make room on it, or give it more")
    } else {
        Part::up()
    };
    part.with("availableBytes", disk.available_bytes).with("totalBytes", disk.total_bytes)
}

fn memory(left: Headroom, needed_bytes: u64) -> Part {
    let Some(available_bytes) = left.memory_bytes else { return Part::up() };
    let part = if available_bytes < needed_bytes / MEMORY_LEAST_PART {
        Part::down("next to no memory is left: stop sessions, or give drover more memory")
    } else if available_bytes < needed_bytes {
        Part::degraded("too little memory is left to start another browser: stop sessions, or give drover more memory")
    } else {
        Part::up()
    };
    part.with("availableBytes", available_bytes)
}

fn queue(due: &[Due], now_ms: i64, wait_s: u64) -> Part {
    let waited_s = |due: &Due| u64::try_from(now_ms.saturating_sub(due.since_ms)).unwrap_or(0) / 1000;
    let oldest_s = due.iter().map(waited_s).max().unwrap_or(0);
    let late: Vec<&Due> = due.iter().filter(|due| waited_s(due) >= wait_s).collect();
    let part = if late.is_empty() {
        Part::up()
    } else {
        let message = "messages wait for long: look at their sessions' states and limits (drover queue stats)";
        Part::degraded(message).with("lateSessions", late.len())
    };
    part.with("waiting", due.iter().map(|due| due.messages).sum::<u64>()).with("oldestSeconds", oldest_s)
}

/// What the bridge misses in any page. It costs that much and no more.
fn bridge(views: &[SessionView]) -> Part {
    let troubled = views.iter().filter(|view| !view.page.missing_capabilities.is_empty());
    let missing: BTreeSet<&String> = troubled.clone().flat_map(|view| &view.page.missing_capabilities).collect();
    if missing.is_empty() {
        return Part::up();
    }
    let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
    Part::degraded("WhatsApp Web changed: pages lack what the bridge looks for; a newer drover or bridge mends it")
        .with("missingCapabilities", names)
        .with("sessions", troubled.count())
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn memory_is_judged_by_what_a_start_needs() {
        let left = |mib: u64| Headroom { memory_bytes: Some(mib * MIB), tasks: None };
        for (mib, status) in [(400, Status::Up), (399, Status::Degraded), (100, Status::Degraded), (99, Status::Down)] {
            assert_eq!(memory(left(mib), 400 * MIB).status, status, "{mib} MiB");
        }
        assert_eq!(memory(Headroom::default(), 400 * MIB).status, Status::Up);
    }

    #[test]
    fn a_queue_is_late_when_its_oldest_due_message_is() {
        let due = |session: &str, since_ms| Due { session: session.parse().expect("a name"), messages: 2, since_ms };
        let part = queue(&[due("one", 0), due("two", 500_000)], 900_000, 900);
        assert_eq!(part.status, Status::Degraded);
        assert_eq!((&part.figures["waiting"], &part.figures["oldestSeconds"]), (&4.into(), &900.into()));
        assert_eq!(part.figures["lateSessions"], 1);
        assert_eq!(queue(&[due("one", 1)], 900_000, 900).status, Status::Up);
        assert_eq!(queue(&[], 0, 900).figures["oldestSeconds"], 0);
    }

    #[test]
    fn a_full_disk_is_down() {
        let thresholds = config::Health { disk_free_mb: 500, queue_wait_s: 900 };
        assert_eq!(disk(Path::new("/proc"), thresholds).status, Status::Down);
        assert_eq!(disk(Path::new("/no/such/folder"), thresholds).status, Status::Down);
        let everything = config::Health { disk_free_mb: u64::MAX, queue_wait_s: 900 };
        assert_eq!(disk(&std::env::temp_dir(), everything).status, Status::Degraded);
    }

    #[tokio::test]
    async fn a_disk_that_hangs_costs_one_thread() {
        let one = Arc::new(Semaphore::new(1));
        let (release, hold) = std::sync::mpsc::channel::<()>();
        assert_eq!(blocking(&one, move || hold.recv().is_ok()).await, None);
        assert_eq!(blocking(&one, || 1).await, None, "the first look still hangs");
        release.send(()).expect("it waits");
        assert_eq!(blocking(&one, || 1).await, Some(1));
    }
}
