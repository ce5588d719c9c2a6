//! How each part of drover is: up, degraded (it costs something, and requests may still come) or down.
//!
//! Asked by probes of containers and by people, often and by several at once. Invariants: an answer is at most a second old and
//! takes less than one, also while a part hangs; a part is asked once at a time; a change is logged once.

mod parts;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};
use tracing::{info, warn};

use crate::{
    browser::Search, clock::Clock, config, host::HeadroomProbe, queue::Queue, session::Registry, store::Store,
};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(1);
/// How long a part may take. One that stands still is as bad as one that is gone.
const LIMIT: Duration = Duration::from_millis(700);

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Up,
    /// It costs something.
    Degraded,
    /// It does not do what it is for.
    Down,
}

impl Status {
    /// As it stands on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// A part, as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// How it is.
    pub status: Status,
    /// What is wrong with it and what can be done, for people; empty when it is up.
    pub message: String,
    /// Its figures.
    pub figures: Map<String, Value>,
}

impl Part {
    fn up() -> Self {
        Self { status: Status::Up, message: String::new(), figures: Map::new() }
    }

    fn degraded(message: impl Into<String>) -> Self {
        Self { status: Status::Degraded, message: message.into(), figures: Map::new() }
    }

    fn down(message: impl Into<String>) -> Self {
        Self { status: Status::Down, message: message.into(), figures: Map::new() }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.figures.insert(name.to_owned(), value.into());
        self
    }
}

/// All parts, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The parts.
    pub parts: BTreeMap<&'static str, Part>,
}

/// Without these no request can be served. Whatever else is down, requests may come: another place would not serve them better.
const NEEDED: [&str; 2] = ["database", "redis"];

impl Report {
    /// Whether requests should be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|(name, part)| !NEEDED.contains(name) || part.status != Status::Down)
    }

    /// Whether all parts are up.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.parts.values().all(|part| part.status == Status::Up)
    }
}

/// Where the parts are asked.
pub struct Sources {
    /// The database.
    pub store: Store,
    /// The queue, and by it Redis.
    pub queue: Queue,
    /// The sessions.
    pub registry: Registry,
    /// Finds the browser.
    pub search: Search,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// From when on a part counts as degraded.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// `[health]`
    pub health: config::Health,
    /// What must stay free for a browser, in bytes.
    pub memory_bytes: u64,
}

/// Asks the parts. Cheap to clone; all clones share the last answer.
#[derive(Clone)]
pub struct Health {
    inner: Arc<Inner>,
}

struct Inner {
    sources: Sources,
    thresholds: Thresholds,
    headroom: HeadroomProbe,
    /// For what blocks a thread: a disk that hangs holds one, not one a request.
    blocking: Arc<Semaphore>,
    last: Mutex<Option<(Instant, Arc<Report>)>>,
}

impl Health {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(sources: Sources, thresholds: Thresholds) -> Self {
        let inner = Inner {
            sources,
            thresholds,
            headroom: HeadroomProbe::default(),
            blocking: Arc::new(Semaphore::new(1)),
            last: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How all parts are, as of now or of less than a second ago.
    pub async fn report(&self) -> Arc<Report> {
        let mut last = self.inner.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(report);
        }
        let report = Arc::new(self.inner.ask().await);
        tell_changes(last.as_ref().map(|(_, report)| &**report), &report);
        *last = Some((Instant::now(), Arc::clone(&report)));
        report
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.inner.sources.data_dir
    }
}

/// A part that is no longer as it was is told once, however often it is asked.
fn tell_changes(before: Option<&Report>, now: &Report) {
    for (name, part) in &now.parts {
        let was = before.and_then(|report| report.parts.get(name)).map_or(Status::Up, |part| part.status);
        match part.status {
            status if status == was => {}
            Status::Up => info!(part = name, "a part is well again"),
            status => warn!(part = name, status = status.as_str(), reason = part.message, "a part is not well"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(parts: &[(&'static str, Status)]) -> Report {
        let part = |status| Part { status, message: String::new(), figures: Map::new() };
        Report { parts: parts.iter().map(|(name, status)| (*name, part(*status))).collect() }
    }

    #[test]
    fn only_database_and_redis_keep_requests_away() {
        assert!(report(&[("database", Status::Up), ("disk", Status::Down), ("browser", Status::Down)]).is_ready());
        assert!(!report(&[("database", Status::Down), ("disk", Status::Up)]).is_ready());
        assert!(!report(&[("redis", Status::Down)]).is_ready());
    }

    #[test]
    fn one_part_that_is_degraded_is_enough_not_to_be_well() {
        assert!(report(&[("database", Status::Up), ("disk", Status::Up)]).is_well());
        assert!(!report(&[("database", Status::Up), ("disk", Status::Degraded)]).is_well());
    }
}
