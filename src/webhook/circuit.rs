//! A circuit per URL: after some failures in a row nobody goes there for a while, then one goes first to look.
//!
//! Invariant: while it is open at most one delivery is under way, the probe. A probe that is dropped gives its place back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::clock::Clock;

/// How long a wait for a time goes on without looking at the clock: the clock may be set, and the machine may sleep.
const LOOK: Duration = Duration::from_millis(500);

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct CircuitSettings {
    pub(super) failures: u32,
    pub(super) open_ms: i64,
}

/// Whether deliveries go to a URL.
#[derive(Debug)]
pub(super) struct Circuit {
    settings: CircuitSettings,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Open until then, by the steady clock: a clock that is set keeps no URL closed.
    open_until_ms: Option<i64>,
    is_probing: bool,
}

/// What an attempt changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It opened.
    Opened,
    /// It closed.
    Closed,
}

/// The permission to go there once.
#[derive(Debug)]
pub(super) struct Pass<'c> {
    circuit: &'c Circuit,
    is_probe: bool,
}

impl Circuit {
    pub(super) fn new(settings: CircuitSettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock, state: Mutex::default(), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when nobody goes there, in Unix milliseconds; None when it is closed.
    pub(super) fn open_until_ms(&self) -> Option<i64> {
        let until_ms = self.state().open_until_ms?;
        Some(self.clock.now_ms().saturating_add(until_ms.saturating_sub(self.clock.steady_ms())))
    }

    /// Waits until one may go there.
    pub(super) async fn pass(&self) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            let wait = match self.try_pass() {
                Ok(pass) => return pass,
                Err(wait) => wait,
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn try_pass(&self) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        let Some(until_ms) = state.open_until_ms else { return Ok(Pass { circuit: self, is_probe: false }) };
        let left_ms = until_ms - self.clock.steady_ms();
        if state.is_probing || left_ms > 0 {
            return Err(pause(left_ms));
        }
        state.is_probing = true;
        Ok(Pass { circuit: self, is_probe: true })
    }
}

impl Pass<'_> {
    /// Whether the circuit opened since, and somebody else goes first.
    pub(super) fn is_stale(&self) -> bool {
        !self.is_probe && self.circuit.open_until_ms().is_some()
    }

    /// It was taken.
    pub(super) fn succeeded(mut self) -> Change {
        let was_open = {
            let mut state = self.circuit.state();
            state.failures = 0;
            state.is_probing &= !self.is_probe;
            state.open_until_ms.take().is_some()
        };
        self.is_probe = false;
        if !was_open {
            return Change::None;
        }
        self.circuit.changed.notify_waiters();
        Change::Closed
    }

    /// It was not.
    pub(super) fn failed(mut self) -> Change {
        let circuit = self.circuit;
        let mut state = circuit.state();
        state.failures = state.failures.saturating_add(1);
        let is_open = state.open_until_ms.is_some();
        let change =
            if !is_open && state.failures >= circuit.settings.failures { Change::Opened } else { Change::None };
        if self.is_probe || change == Change::Opened {
            state.open_until_ms = Some(circuit.clock.steady_ms().saturating_add(circuit.settings.open_ms));
        }
        state.is_probing &= !self.is_probe;
        self.is_probe = false;
        change
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.circuit.state().is_probing = false;
            self.circuit.changed.notify_waiters();
        }
    }
}

/// How long to sleep towards a time that is so far away, before the clock is looked at again.
pub(super) fn pause(left_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(left_ms.max(1)).unwrap_or(1)).min(LOOK)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now_ms(&self) -> i64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn circuit() -> (Circuit, Arc<Hand>) {
        let clock = Arc::new(Hand::default());
        (Circuit::new(CircuitSettings { failures: 2, open_ms: 60_000 }, clock.clone()), clock)
    }

    fn pass(circuit: &Circuit) -> Pass<'_> {
        circuit.try_pass().expect("one may go")
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_look_after_its_time() {
        let (circuit, clock) = circuit();
        assert_eq!(pass(&circuit).failed(), Change::None);
        assert_eq!(pass(&circuit).succeeded(), Change::None);
        assert_eq!(pass(&circuit).failed(), Change::None);
        assert_eq!(pass(&circuit).failed(), Change::Opened);
        assert_eq!(circuit.open_until_ms(), Some(60_000));
        assert!(circuit.try_pass().is_err());
        clock.0.store(60_000, Ordering::SeqCst);
        let probe = pass(&circuit);
        assert!(circuit.try_pass().is_err(), "one goes first");
        assert_eq!(probe.failed(), Change::None);
        assert_eq!(circuit.open_until_ms(), Some(120_000));
        clock.0.store(120_000, Ordering::SeqCst);
        drop(pass(&circuit));
        assert_eq!(pass(&circuit).succeeded(), Change::Closed);
        assert_eq!((circuit.open_until_ms(), pass(&circuit).succeeded()), (None, Change::None));
    }

    /// Passes as time does, and shows whatever time of day it was set to.
    #[derive(Debug, Default)]
    struct Wrong {
        steady: Hand,
        ahead_ms: AtomicI64,
    }

    impl Clock for Wrong {
        fn now_ms(&self) -> i64 {
            self.steady_ms() + self.ahead_ms.load(Ordering::SeqCst)
        }

        fn steady_ms(&self) -> i64 {
            self.steady.now_ms()
        }
    }

    #[test]
    fn a_clock_that_is_set_neither_opens_it_early_nor_keeps_it_open() {
        let clock = Arc::new(Wrong::default());
        let circuit = Circuit::new(CircuitSettings { failures: 1, open_ms: 60_000 }, clock.clone());
        assert_eq!(pass(&circuit).failed(), Change::Opened);
        for ahead_ms in [86_400_000, -86_400_000] {
            clock.ahead_ms.store(ahead_ms, Ordering::SeqCst);
            assert_eq!(circuit.open_until_ms(), Some(60_000 + ahead_ms), "told in the time of day there is");
            assert!(circuit.try_pass().is_err());
        }
        clock.steady.0.store(60_000, Ordering::SeqCst);
        assert_eq!(pass(&circuit).succeeded(), Change::Closed);
    }

    #[tokio::test]
    async fn whoever_waits_goes_once_it_closes() {
        let (circuit, clock) = circuit();
        assert_eq!((pass(&circuit).failed(), pass(&circuit).failed()), (Change::None, Change::Opened));
        clock.0.store(60_000, Ordering::SeqCst);
        let probe = pass(&circuit);
        let waits = circuit.pass();
        tokio::pin!(waits);
        assert!(futures::poll!(waits.as_mut()).is_pending());
        probe.succeeded();
        tokio::time::timeout(Duration::from_secs(5), waits).await.expect("it goes").succeeded();
    }
}
