//! Measures what the sessions hold, and does what follows: tells, has garbage collected, gives new browsers, puts to sleep.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use metrics::counter;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Memory,
    ceiling::{Excess, excess},
    collector::{Collector, Page},
    policy::{self, Candidate, Cause, Guard, Level, Need, Rules},
    view::{MemoryView, SessionMemory},
};
use crate::{
    clock::Clock,
    host::{MemorySampler, TreeMemory, own_code},
    model::{Alert, EventKind, NewEvent, Reason, SessionName, SessionState, Severity, WakeCause},
    queue::QueueStats,
    session::{
        actor::{AnswerWhen, Handle},
        registry::Registry,
        state_machine::Input,
    },
};

/// How often it is looked whether somebody can make room, while somebody waits for it or memory is critical.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What lies between the collections of two pages that are due at once: each takes a processor for some 100 ms.
const BETWEEN_COLLECTIONS: Duration = Duration::from_millis(250);
/// How long whoever waits for room may take to see that there is some, before more is made.
const ROOM_IS_TAKEN: Duration = Duration::from_millis(300);
/// How long the message in hand may take before a browser that holds far too much is replaced.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// What is due within that long counts as work.
const SOON_MS: i64 = 10_000;
/// The code of the alert.
const CRITICAL: &str = "memory_critical";

/// A session with a browser, as the keeper sees it.
struct Awake {
    handle: Arc<Handle>,
    candidate: Candidate,
    held: TreeMemory,
    /// For how long it is ready, in milliseconds; None when it is not.
    ready_ms: Option<i64>,
}

/// Looks after memory.
pub(in crate::session) struct Keeper {
    registry: Registry,
    memory: Arc<Memory>,
    collector: Collector,
    /// Those that were above their ceiling at the last measurement, and have collected since.
    above: BTreeSet<SessionName>,
    level: Level,
    /// Of which session the alert is that stands.
    alerted: Option<SessionName>,
    sampler: MemorySampler,
}

impl Keeper {
    pub(in crate::session) fn new(registry: Registry, memory: Arc<Memory>) -> Self {
        Self {
            registry,
            memory,
            collector: Collector::default(),
            above: BTreeSet::new(),
            level: Level::Normal,
            alerted: None,
            sampler: MemorySampler::default(),
        }
    }

    /// Until it is told to stop.
    #[tracing::instrument(level = "error", name = "memory", skip_all)]
    pub(in crate::session) async fn run(mut self, stop: CancellationToken) {
        let mut measure_at = Instant::now();
        loop {
            let is_pressed = self.level == Level::Critical || !self.memory.waiting_for_room().is_empty();
            let look_at = if is_pressed { measure_at.min(Instant::now() + LOOK_EVERY) } else { measure_at };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.memory.changed.notified() => {}
                () = sleep_until(look_at) => {}
            }
            let is_due = measure_at <= Instant::now();
            if is_due {
                measure_at = Instant::now() + Duration::from_secs(self.memory.settings().sample_s);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.look(is_due) => {}
            }
            // Looking at all processes takes code that nothing else does: 1.8 MB of it would stay mapped until the next time.
            if is_due && let Err(error) = own_code::let_go() {
                debug!(%error, "the program's own code stays mapped");
            }
        }
    }

    async fn look(&mut self, is_due: bool) {
        if is_due {
            self.measure().await;
        }
        let awake = self.awake().await;
        self.judge_level(&awake).await;
        if is_due {
            self.collect(&awake);
            self.watch_ceilings(&awake).await;
        }
        self.show(&awake);
        self.make_room(awake).await;
    }

    async fn measure(&mut self) {
        let groups = self.memory.ledger().process_groups();
        let probe = self.memory.probe.clone();
        let mut sampler = std::mem::take(&mut self.sampler);
        let measured = tokio::task::spawn_blocking(move || {
            let used = sampler.measure(&groups);
            (sampler, used, probe.limits())
        });
        match measured.await {
            Ok((sampler, used, limits)) => {
                self.sampler = sampler;
                self.memory.ledger().measured(&used);
                let mut view = self.memory.view.write().unwrap_or_else(PoisonError::into_inner);
                view.limits = limits;
                view.measured_at_ms = Some(self.clock().now_ms());
            }
            Err(error) => warn!(%error, "memory was not measured"),
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.registry.services().clock)
    }

    /// The sessions with a browser.
    async fn awake(&self) -> Vec<Awake> {
        let (now_ms, wall_ms) = (self.clock().steady_ms(), self.clock().now_ms());
        let held: Vec<(SessionName, TreeMemory, i64)> = {
            let ledger = self.memory.ledger();
            ledger.of_sessions().map(|(name, held, since_ms)| (name.clone(), held, since_ms)).collect()
        };
        let mut awake = Vec::with_capacity(held.len());
        for (name, held, since_ms) in held {
            let Ok(handle) = self.registry.handle(&name) else { continue };
            let has_work = match self.registry.services().queue.stats(&name).await {
                Ok(stats) => has_work(&stats, wall_ms),
                Err(error) => {
                    debug!(%error, "whether a session has work is not known: it counts as busy");
                    true
                }
            };
            let view = handle.view.borrow().clone();
            let is_up = matches!(view.state, SessionState::Ready | SessionState::Reconnecting)
                && view.sleep.undisturbed_until_ms.is_none_or(|until_ms| until_ms <= now_ms);
            let guard = Guard {
                is_not_up: !is_up,
                is_sending: handle.usage.try_send_nothing().is_none(),
                is_pinned: handle.usage.is_pinned(),
            };
            let candidate = Candidate {
                name,
                idle_ms: now_ms.saturating_sub(handle.usage.used_at_ms()),
                awake_ms: now_ms.saturating_sub(since_ms),
                has_work,
                guard,
                is_visit: view.sleep.woken == Some(WakeCause::Visit),
            };
            let ready_ms =
                (view.state == SessionState::Ready).then(|| now_ms.saturating_sub(handle.usage.state_since_ms()));
            awake.push(Awake { handle, candidate, held, ready_ms });
        }
        awake
    }

    /// Tells when memory gets scarce, and when it no longer is.
    async fn judge_level(&mut self, awake: &[Awake]) {
        let used_bytes = self.memory.ledger().used_bytes(self.clock().steady_ms());
        let budget = self.memory.budget();
        let before = self.level;
        self.level = budget.level(used_bytes, before);
        if self.level == before {
            return;
        }
        info!(now = ?self.level, ?before, used_bytes, budget_bytes = budget.bytes, "memory's level changed");
        let largest = awake.iter().max_by_key(|one| one.held.private_bytes).map(|one| one.candidate.name.clone());
        if let (true, Some(session)) = (self.level > before, &largest) {
            let kind = if self.level == Level::Critical { EventKind::MemoryCritical } else { EventKind::MemoryWarning };
            let payload = json!({ "level": self.level, "usedBytes": used_bytes, "budgetBytes": budget.bytes, "largest": session });
            let event = NewEvent { kind, session: session.clone(), payload };
            if let Err(error) = self.registry.services().events.publish(event).await {
                warn!(session.id = %session, %error, "an event was not stored");
            }
        }
        if self.level == Level::Critical {
            let megabytes = |bytes: u64| bytes >> 20;
            let what = format!(
                "drover and its browsers hold {} MB of their {} MB: sessions that have nothing to do are put to sleep. Raise memory.budget, \
                 give the machine more memory, or run fewer sessions on it",
                megabytes(used_bytes),
                megabytes(budget.bytes)
            );
            self.alerted = largest;
            let alert = Alert::raised(CRITICAL, Severity::Critical, what)
                .with("used_mb", megabytes(used_bytes))
                .with("budget_mb", megabytes(budget.bytes));
            self.alert(alert).await;
        } else if before == Level::Critical {
            self.alert(Alert::resolved(CRITICAL, "memory is within its budget again")).await;
            self.alerted = None;
        }
    }

    async fn alert(&self, alert: Alert) {
        let Some(session) = &self.alerted else { return };
        if let Err(error) = self.registry.services().events.alert(session, alert).await {
            warn!(session.id = %session, %error, "an alert was not stored");
        }
    }

    /// Has garbage collected where that is due.
    fn collect(&mut self, awake: &[Awake]) {
        let pages: Vec<Page<'_>> = awake
            .iter()
            .filter_map(|one| {
                let (name, private_bytes) = (&one.candidate.name, one.held.private_bytes);
                one.ready_ms.map(|ready_ms| Page { name, ready_ms, private_bytes })
            })
            .collect();
        let due = self.collector.due(&pages, self.level >= Level::Warning, self.clock().steady_ms());
        let due = due.iter().filter_map(|name| awake.iter().find(|one| one.candidate.name == *name));
        for (one, after) in due.zip(0..) {
            self.collect_in(one, BETWEEN_COLLECTIONS * after);
        }
    }

    fn collect_in(&self, one: &Awake, after: Duration) {
        let mut pages = one.handle.page.clone();
        let Some(page) = pages.borrow_and_update().clone() else { return };
        let name = one.candidate.name.clone();
        counter!("drover_session_collections_total").increment(1);
        self.registry.tasks().spawn(async move {
            // It takes a minute: a page that its session has left meanwhile must not live on for that.
            let let_go = async {
                sleep(after).await;
                page.let_go().await
            };
            tokio::select! {
                let_go = let_go => {
                    if let Err(error) = let_go {
                        debug!(session.id = %name, %error, "the page did not collect its garbage");
                    }
                }
                _ = pages.changed() => {}
            }
        });
    }

    /// A new browser for whoever holds too much.
    async fn watch_ceilings(&mut self, awake: &[Awake]) {
        let ceiling_bytes = self.memory.settings().session_max.0;
        self.above.retain(|name| awake.iter().any(|one| one.candidate.name == *name));
        for one in awake {
            let name = &one.candidate.name;
            let excess = excess(one.held.private_bytes, ceiling_bytes);
            let was_above = self.above.contains(name);
            if excess == Excess::None || one.candidate.guard.is_not_up {
                self.above.remove(name);
                continue;
            }
            if excess == Excess::WhenIdle && !was_above {
                // What is garbage costs no new browser.
                self.collect_in(one, Duration::ZERO);
                self.above.insert(name.clone());
                continue;
            }
            let nothing_is_sent = match excess {
                Excess::AtOnce => timeout(SEND_LIMIT, one.handle.usage.send_nothing()).await.ok(),
                _ if one.candidate.has_work => None,
                _ => one.handle.usage.try_send_nothing(),
            };
            if let Some(_nothing_is_sent) = nothing_is_sent {
                self.recycle(one, ceiling_bytes).await;
                self.above.remove(name);
            }
        }
    }

    async fn recycle(&self, one: &Awake, ceiling_bytes: u64) {
        let (held, may) = (one.held.private_bytes >> 20, ceiling_bytes >> 20);
        warn!(session.id = %one.candidate.name, held_mb = held, "the session holds too much: it gets a new browser");
        counter!("drover_session_recycles_total", "session" => one.candidate.name.to_string()).increment(1);
        let message =
            format!("its browser held {held} MB, more than the {may} MB of memory.session_max: it gets a new one");
        let input = Input::Recycle(Reason::new("recycled", message));
        if let Err(error) = self.registry.ask(&one.handle, input, AnswerWhen::AtOnce).await {
            debug!(session.id = %one.candidate.name, %error, "the session got no new browser");
        }
    }

    /// Puts one after another to sleep for as long as that is needed.
    async fn make_room(&mut self, mut awake: Vec<Awake>) {
        loop {
            let now_ms = self.clock().steady_ms();
            let need = Need {
                relief: self.level == Level::Critical,
                room: self.memory.waiting_for_room().iter().any(|session| !self.memory.fits(session, now_ms)),
            };
            let candidates: Vec<Candidate> = awake.iter().map(|one| one.candidate.clone()).collect();
            let Some((name, cause)) = policy::next_to_sleep(&candidates, need, &self.rules()) else { return };
            if !self.put_to_sleep(&awake, &name, cause).await {
                awake.retain(|one| one.candidate.name != name);
                continue;
            }
            sleep(ROOM_IS_TAKEN).await;
            awake = self.awake().await;
            self.judge_level(&awake).await;
            self.show(&awake);
        }
    }

    /// Whether it sleeps now.
    async fn put_to_sleep(&self, awake: &[Awake], name: &SessionName, cause: Cause) -> bool {
        let Some(one) = awake.iter().find(|one| one.candidate.name == *name) else { return false };
        let Some(_nothing_is_sent) = one.handle.usage.try_send_nothing() else { return false };
        let view = self.registry.ask(&one.handle, Input::Hibernate(reason(cause)), AnswerWhen::Slept).await;
        view.is_ok_and(|view| view.state == SessionState::Hibernated)
    }

    fn rules(&self) -> Rules {
        let settings = self.memory.settings();
        let ms = |seconds: u64| i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Rules {
            idle_min_ms: ms(settings.idle_min_s),
            idle_hibernate_after_ms: ms(settings.idle_hibernate_after_s),
            yield_after_ms: ms(settings.yield_after_s),
            turn_ms: ms(settings.turn_s),
        }
    }

    fn show(&self, awake: &[Awake]) {
        let candidates: Vec<Candidate> = awake.iter().map(|one| one.candidate.clone()).collect();
        let (used_bytes, (own, others)) = {
            let ledger = self.memory.ledger();
            (ledger.used_bytes(self.clock().steady_ms()), ledger.of_drover())
        };
        let session = |one: &Awake| SessionMemory {
            name: one.candidate.name.clone(),
            held: one.held,
            idle_ms: one.candidate.idle_ms,
            is_pinned: one.candidate.guard.is_pinned,
        };
        let budget_bytes = self.memory.budget().bytes;
        let before = self.memory.view();
        let view = MemoryView {
            budget_bytes,
            used_bytes,
            level: self.level,
            own,
            others,
            sessions: awake.iter().map(session).collect(),
            eviction_order: policy::eviction_order(&candidates, &self.rules()),
            waiting_for_room: self.memory.waiting_for_room().len(),
            ..before.clone()
        };
        view.meter(&before);
        *self.memory.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }
}

/// Whether a session's messages need its page now, or in a moment.
fn has_work(stats: &QueueStats, now_ms: i64) -> bool {
    let blocked = &stats.blocked;
    let stands_still = blocked.paused || blocked.paused_all || blocked.circuit_open_until_ms.is_some();
    let is_due = stats.next_due_at_ms.is_none_or(|at_ms| at_ms <= now_ms.saturating_add(SOON_MS));
    stats.claimed > 0 || stats.waiting > 0 && is_due && !stands_still
}

fn reason(cause: Cause) -> Reason {
    match cause {
        Cause::Pressure => {
            Reason::new("memory_critical", "memory was critical, and it was idle longest; what needs it wakes it")
        }
        Cause::Room => {
            Reason::new("made_room", "it was idle, and another session needed its room; what needs it wakes it")
        }
        Cause::Turn => {
            Reason::new("had_its_turn", "other sessions wait for room; it goes on when its turn comes again")
        }
        Cause::Idle => Reason::new("idle", "nothing happened for long; what needs it wakes it"),
        Cause::Visited => Reason::new("visited", "it has looked for what came in, and sleeps on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Blocked;

    #[test]
    fn only_what_is_due_and_may_go_is_work() {
        let waits = QueueStats { waiting: 3, ..QueueStats::default() };
        assert!(has_work(&waits, 0) && !has_work(&QueueStats::default(), 0));
        let later = QueueStats { next_due_at_ms: Some(60_000), ..waits.clone() };
        assert!(!has_work(&later, 0) && has_work(&later, 55_000));
        assert!(has_work(&QueueStats { claimed: 1, ..later }, 0));
        for blocked in [
            Blocked { paused: true, ..Blocked::default() },
            Blocked { paused_all: true, ..Blocked::default() },
            Blocked { circuit_open_until_ms: Some(1), ..Blocked::default() },
        ] {
            assert!(!has_work(&QueueStats { blocked, ..waits.clone() }, 0));
        }
    }
}
