//! The gate before every launch: waits for what [`Admission`] says, looks at the machine and the memory budget, wakes whoever is next.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use super::{
    admission::{Admission, Limits, Priority, Ticket, Verdict, Wait},
    memory::Memory,
};
use crate::{clock::Clock, host::HeadroomProbe, model::SessionName};

/// Never rests longer than this, whatever the clock says.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Shared by all sessions.
pub(super) struct Gate {
    admission: Mutex<Admission>,
    probe: HeadroomProbe,
    memory: Arc<Memory>,
    clock: Arc<dyn Clock>,
    changed: Notify,
}

/// A place in the queue, then among those that start. A drop gives it back.
pub(super) struct Place {
    gate: Arc<Gate>,
    ticket: Ticket,
}

impl Gate {
    pub(super) fn new(limits: Limits, memory: Arc<Memory>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let admission = Mutex::new(Admission::new(limits));
        Arc::new(Self { admission, probe: HeadroomProbe::default(), memory, clock, changed: Notify::new() })
    }

    /// Waits for a place, and takes the session's room in the memory budget. `tell` hears what it waits for whenever that changes, and None at last if it had to wait. Cancel safe:
    /// whoever stops waiting is in nobody's way.
    pub(super) async fn enter(
        self: &Arc<Self>,
        priority: Priority,
        session: &SessionName,
        mut tell: impl FnMut(Option<Wait>),
    ) -> Place {
        let ticket = self.with(|admission| admission.join(priority));
        let place = Place { gate: Arc::clone(self), ticket };
        let mut told = None;
        let mut wants_room = None;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            let (now_ms, left) = (self.clock.steady_ms(), self.probe.read());
            let verdict = self.with(|admission| {
                let verdict = admission.ask(ticket, now_ms, left, self.memory.fits(session, now_ms));
                if verdict == Verdict::Go {
                    self.memory.set_aside(session, now_ms);
                }
                verdict
            });
            match verdict {
                Verdict::Go => {
                    if told.is_some() {
                        tell(None);
                    }
                    drop(wants_room);
                    // There may be room for another.
                    self.changed.notify_waiters();
                    return place;
                }
                Verdict::Wait { why, again_at_ms } => {
                    if told != Some(why) {
                        told = Some(why);
                        tell(told);
                        wants_room = (why == Wait::Budget).then(|| self.memory.want_room(session));
                    }
                    let rest = u64::try_from(again_at_ms.saturating_sub(now_ms)).unwrap_or(0);
                    let rest = Duration::from_millis(rest).min(LONGEST_REST);
                    // Woken or not, it asks again.
                    let _ = timeout(rest, changed).await;
                }
            }
        }
    }

    /// Something changed that whoever waits does not know of.
    pub(super) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    /// The place of a page that was just linked, which nobody keeps waiting.
    pub(super) fn link(self: &Arc<Self>) -> Place {
        let now_ms = self.clock.steady_ms();
        Place { gate: Arc::clone(self), ticket: self.with(|admission| admission.link(now_ms)) }
    }

    /// The place of a page that brings in its history.
    pub(super) fn bring_in_history(self: &Arc<Self>) -> Place {
        let now_ms = self.clock.steady_ms();
        Place { gate: Arc::clone(self), ticket: self.with(|admission| admission.bring_in_history(now_ms)) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Admission) -> T) -> T {
        let mut admission = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut admission);
        let (waiting, starting) = admission.counts();
        metrics::gauge!("drover_launches_waiting").set(as_f64(waiting));
        metrics::gauge!("drover_launches_under_way").set(as_f64(starting));
        result
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.with(|admission| admission.leave(self.ticket));
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, config};

    fn session() -> SessionName {
        "main".parse().expect("a name")
    }

    fn gate(starts: usize) -> Arc<Gate> {
        let limits = Limits {
            starts,
            memory_per_start_bytes: 0,
            memory_reserve_bytes: 0,
            tasks_per_start: 0,
            spacing_ms: 0,
            hold_ms: 60_000,
            link_ms: 60_000,
            history_ms: 60_000,
        };
        let sources = config::Sources::of(std::path::Path::new("/srv"), &[]);
        let settings = config::load(&sources).expect("the defaults").config.memory;
        Gate::new(limits, Arc::new(Memory::new(settings, 0)), Arc::new(SystemClock))
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_when_a_place_is_given_back_and_tells_why_it_waited() {
        let gate = gate(1);
        let first = gate.enter(Priority::Background, &session(), |_| {}).await;
        let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter(Priority::Background, &session(), |why| said.send(why).unwrap()).await }
        });
        assert_eq!(heard.recv().await, Some(Some(Wait::Turn)));
        drop(first);
        let _second = timeout(Duration::from_secs(2), waiting).await.expect("woken at once").unwrap();
        assert_eq!(heard.recv().await, Some(None));
    }

    #[tokio::test]
    async fn whoever_stops_waiting_is_in_nobodys_way() {
        let gate = gate(1);
        let first = gate.enter(Priority::Background, &session(), |_| {}).await;
        let gone = timeout(Duration::from_millis(50), gate.enter(Priority::Operator, &session(), |_| {})).await;
        assert!(gone.is_err(), "the place is taken");
        drop(first);
        let next = timeout(Duration::from_secs(2), gate.enter(Priority::Background, &session(), |_| {})).await;
        assert!(next.is_ok());
    }
}
