//! A circuit a host: after so many failed downloads in a row the host is left alone for a while, then one is let through.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::bounded::{Bounded, Bounds, Life};

/// How many hosts are remembered; beyond, the one that was asked longest ago is forgotten.
const MOST_HOSTS: u64 = 4096;
/// How long a host is remembered from which nothing was fetched since: an hour, longer than any circuit is open by default.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// The circuits of all hosts. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Circuits {
    hosts: Bounded<String, Arc<Mutex<Circuit>>>,
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

fn lock(circuit: &Mutex<Circuit>) -> MutexGuard<'_, Circuit> {
    circuit.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Circuits {
    pub(super) fn new(failures: u32, open_for: Duration) -> Self {
        let life = Life::Used(REMEMBERED.max(open_for.saturating_mul(2)));
        let hosts = Bounded::new(Bounds { name: "media_circuits", most: MOST_HOSTS, life });
        Self { hosts, failures, open_for }
    }

    /// Lets a download through, or says when to come back.
    pub(super) fn enter(&self, host: &str, now: Instant) -> Result<Pass, Duration> {
        let host = host.to_owned();
        let mut is_trial = false;
        if let Some(circuit) = self.hosts.get(&host) {
            let mut circuit = lock(&circuit);
            if circuit.failures >= self.failures {
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
        }
        Ok(Pass { circuits: self.clone(), host, is_trial })
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
        self.circuits.hosts.remove(&self.host);
    }

    /// The host failed.
    pub(super) fn failed(self, now: Instant) {
        let never = || Arc::new(Mutex::new(Circuit { failures: 0, failed_at: now, is_tried: false }));
        let circuit = self.circuits.hosts.get_or_make(self.host.clone(), never);
        let mut circuit = lock(&circuit);
        circuit.failures = circuit.failures.saturating_add(1);
        circuit.failed_at = now;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(circuit) = self.circuits.hosts.get(&self.host)
        {
            lock(&circuit).is_tried = false;
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
        assert_eq!(circuits.hosts.len(), MOST_HOSTS);
        assert!(circuits.hosts.get(&"0".to_owned()).is_none(), "the first of them is forgotten");
    }
}
