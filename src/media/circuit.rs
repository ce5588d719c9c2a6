//! A circuit a host: after so many failed downloads in a row the host is left alone for a while, then one is let through.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::bounded;

/// How many hosts are remembered; those beyond have no circuit until one of them is forgotten.
const MOST_HOSTS: usize = 4096;

/// The circuits of all hosts. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Circuits {
    hosts: Arc<Mutex<HashMap<String, Circuit>>>,
    failures: u32,
    open_for: Duration,
}

/// A host whose last download failed.
#[derive(Debug, Clone, Copy)]
struct Circuit {
    failures: u32,
    failed_at: Instant,
    /// While it is open: whether one is on its way to try it.
    is_tried: bool,
}

impl Circuits {
    pub(super) fn new(failures: u32, open_for: Duration) -> Self {
        Self { hosts: Arc::default(), failures, open_for }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Circuit>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a download through, or says when to come back.
    pub(super) fn enter(&self, host: &str, now: Instant) -> Result<Pass, Duration> {
        let mut hosts = self.hosts();
        let mut is_trial = false;
        if let Some(circuit) = hosts.get_mut(host).filter(|circuit| circuit.failures >= self.failures) {
            let opens = circuit.failed_at + self.open_for;
            if now < opens {
                return Err(opens - now);
            }
            if circuit.is_tried {
                return Err(Duration::from_secs(1));
            }
            circuit.is_tried = true;
            is_trial = true;
        }
        drop(hosts);
        Ok(Pass { circuits: self.clone(), host: host.to_owned(), is_trial })
    }
}

/// A download that was let through. Dropped without a word, it counts as neither.
#[derive(Debug)]
pub(super) struct Pass {
    circuits: Circuits,
    host: String,
    is_trial: bool,
}

impl Pass {
    /// The host answered as it should.
    pub(super) fn succeeded(self) {
        self.circuits.hosts().remove(&self.host);
    }

    /// The host failed.
    pub(super) fn failed(self, now: Instant) {
        let mut hosts = self.circuits.hosts();
        bounded::show_size("media_circuits", u64::try_from(hosts.len()).unwrap_or(u64::MAX));
        if hosts.len() >= MOST_HOSTS {
            let open_for = self.circuits.open_for;
            hosts.retain(|_, circuit| now < circuit.failed_at + open_for);
        }
        if hosts.len() < MOST_HOSTS || hosts.contains_key(&self.host) {
            let circuit = Circuit { failures: 0, failed_at: now, is_tried: false };
            let circuit = hosts.entry(self.host.clone()).or_insert(circuit);
            circuit.failures = circuit.failures.saturating_add(1);
            circuit.failed_at = now;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(circuit) = self.circuits.hosts().get_mut(&self.host)
        {
            circuit.is_tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn circuits() -> (Circuits, Instant) {
        (Circuits::new(5, 60 * SECOND), Instant::now())
    }

    fn fail(circuits: &Circuits, times: u32, now: Instant) {
        for _ in 0..times {
            circuits.enter("a", now).expect("closed").failed(now);
        }
    }

    #[test]
    fn five_failures_open_it_for_a_minute() {
        let (circuits, now) = circuits();
        fail(&circuits, 4, now);
        circuits.enter("a", now).expect("four are not enough").failed(now);
        assert_eq!(circuits.enter("a", now).expect_err("five are"), 60 * SECOND);
        assert!(circuits.enter("b", now).is_ok(), "another host is another circuit");
        assert_eq!(circuits.enter("a", now + 59 * SECOND).expect_err("not yet"), SECOND);
    }

    #[test]
    fn a_success_closes_it() {
        let (circuits, now) = circuits();
        fail(&circuits, 4, now);
        circuits.enter("a", now).expect("closed").succeeded();
        fail(&circuits, 4, now);
        assert!(circuits.enter("a", now).is_ok(), "only failures in a row count");
    }

    #[test]
    fn one_is_let_through_to_try() {
        let (circuits, now) = circuits();
        fail(&circuits, 5, now);
        let later = now + 61 * SECOND;
        let trial = circuits.enter("a", later).expect("one is let through");
        assert!(circuits.enter("a", later).is_err(), "only one");
        trial.failed(later);
        assert_eq!(circuits.enter("a", later).expect_err("it failed"), 60 * SECOND);

        let last = later + 61 * SECOND;
        drop(circuits.enter("a", last).expect("the next trial, which is given up"));
        circuits.enter("a", last).expect("another instead").succeeded();
        fail(&circuits, 4, last);
        assert!(circuits.enter("a", last).is_ok(), "it is closed");
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let (circuits, now) = circuits();
        for host in 0..MOST_HOSTS + 100 {
            circuits.enter(&host.to_string(), now).expect("closed").failed(now);
        }
        assert_eq!(circuits.hosts().len(), MOST_HOSTS);
        let later = now + 61 * SECOND;
        circuits.enter("new", later).expect("closed").failed(later);
        assert_eq!(circuits.hosts().len(), 1);
    }
}
