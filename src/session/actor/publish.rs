//! What the world gets to see of a session: the view, the stored state, the events.

use metrics::{counter, histogram};
use serde_json::json;
use tokio::time::Instant;
use tracing::{error, info};

use super::{Actor, ToldAlerts};
use crate::{
    model::{Alert, Desired, EventKind, Me, NewEvent, SessionHealth, SessionState, SessionView, Severity, SleepView},
    page::{Snapshot, wire::MeSeen},
    session::{
        payload::{self, PastStatus},
        state_machine::{BrowserPhase, GivenUp},
    },
};

/// How many past statuses an event carries.
const STATUSES_KEPT: usize = 10;

impl Actor {
    /// Publishes what changed since the last time: the store first, then the view, then the event.
    pub(super) async fn publish(&mut self) {
        if self.machine.state != SessionState::AwaitingScan {
            self.qr.current = None;
        }
        let before = self.outputs.view.borrow().clone();
        let after = self.view_after(&before);
        let changed = after.state != before.state || after.reason != before.reason;
        if after.desired != before.desired {
            self.keep_desired(after.desired).await;
        }
        if changed {
            self.keep_state(&after).await;
        }
        let page = self.browser.page.clone().filter(|_| self.machine.browser == BrowserPhase::Up);
        let ready = self.machine.state == SessionState::Ready;
        self.outputs.page.send_if_modified(|held| replace(held, page.clone()));
        self.outputs.sendable.send_if_modified(|held| replace(held, page.filter(|_| ready)));
        self.outputs.view.send_if_modified(|view| {
            let differs = *view != after;
            if differs {
                view.clone_from(&after);
            }
            differs
        });
        if after.state != before.state {
            self.usage.enter_state(self.services.clock.steady_ms());
        }
        self.outputs.meters.note(&after, self.services.clock.steady_ms());
        self.tell_alerts().await;
        if changed {
            self.tell_status(&before, &after).await;
            self.tell_sleep(&before, &after).await;
        }
    }

    fn view_after(&self, before: &SessionView) -> SessionView {
        let state = self.machine.state;
        let moved = state != before.state;
        let mut view = before.clone();
        view.desired = self.machine.desired;
        view.state = state;
        view.reason.clone_from(&self.machine.reason);
        view.since_ms = if moved { self.services.clock.now_ms() } else { before.since_ms };
        view.qr.clone_from(&self.qr.current);
        let waits = matches!(state, SessionState::Reconnecting | SessionState::Failed)
            && self.machine.browser != BrowserPhase::Up;
        let next_try_ms = self.machine.deadline_ms.filter(|_| waits).map(|due_ms| self.in_wall_time(due_ms));
        view.retry = next_try_ms.map(|at_ms| (self.machine.trouble.attempts, at_ms));
        if !matches!(state, SessionState::Loading | SessionState::Pairing | SessionState::Syncing) {
            view.page.loading_percent = None;
        }
        if self.machine.browser == BrowserPhase::None {
            view.page.latency_ms = None;
        }
        view.sleep = SleepView {
            woken: self.machine.woken,
            undisturbed_until_ms: self.machine.signals.history_ends_ms,
            counts_as_working: self.memory.settings().hibernated_is_working,
        };
        let now_ms = self.services.clock.steady_ms();
        let trouble = &self.machine.trouble;
        view.health = SessionHealth {
            quarantined: trouble.quarantined,
            crashes_last_hour: trouble.crashes_within_hour(now_ms),
            ..self.keeper.health(now_ms)
        };
        // A page that asks to be scanned has no account, however it lost it.
        if matches!(state, SessionState::LoggedOut | SessionState::AwaitingScan) {
            view.me = None;
        }
        view
    }

    /// A time of the steady clock as people read it, to the second: the two clocks never agree to the millisecond, and what is shown
    /// must not change with each look.
    fn in_wall_time(&self, steady_ms: i64) -> i64 {
        let clock = &self.services.clock;
        let at_ms = clock.now_ms().saturating_add(steady_ms.saturating_sub(clock.steady_ms()));
        at_ms.saturating_add(500) / 1_000 * 1_000
    }

    async fn keep_desired(&self, desired: Desired) {
        let name = self.outputs.view.borrow().name.clone();
        if let Err(failure) = self.services.store.sessions().set_desired(&name, desired).await {
            error!(error = %failure, "what is wanted of the session was not stored");
        }
    }

    async fn keep_state(&self, view: &SessionView) {
        let sessions = self.services.store.sessions();
        let mut result = sessions.set_state(&view.name, view.state, view.reason.as_ref()).await;
        if result.is_ok() && view.me.is_none() {
            result = sessions.set_me(&view.name, None).await;
        }
        if let Err(failure) = result {
            error!(error = %failure, "the session's state was not stored");
        }
    }

    async fn tell_status(&mut self, before: &SessionView, after: &SessionView) {
        let code = after.reason.as_ref().map_or("", |reason| reason.code.as_str());
        info!(from = before.state.as_str(), to = after.state.as_str(), reason = code, "the session's state changed");
        let status = after.wire_status();
        if self.outputs.statuses.last().is_none_or(|last| last.status != status) {
            self.outputs.statuses.push(PastStatus { status, timestamp: after.since_ms });
        }
        let surplus = self.outputs.statuses.len().saturating_sub(STATUSES_KEPT);
        self.outputs.statuses.drain(..surplus);
        let payload = payload::session_status(after, &self.outputs.statuses);
        self.tell(EventKind::SessionStatus, payload).await;
    }

    /// That it sleeps, and that it is ready again after it.
    async fn tell_sleep(&mut self, before: &SessionView, after: &SessionView) {
        if before.state == SessionState::Hibernated && after.sleep.woken.is_some() {
            self.outputs.waking_since = Some(Instant::now());
        }
        match after.state {
            SessionState::Hibernated if before.state != SessionState::Hibernated => {
                self.outputs.waking_since = None;
                let code = after.reason.as_ref().map_or("", |reason| reason.code.as_str());
                counter!("drover_session_hibernations_total", "reason" => code.to_owned()).increment(1);
                self.tell(EventKind::SessionHibernated, json!({ "reason": after.reason })).await;
            }
            SessionState::Ready => {
                let (Some(since), Some(cause)) = (self.outputs.waking_since.take(), after.sleep.woken) else { return };
                let took = since.elapsed();
                histogram!("drover_session_wake_seconds", "cause" => cause.as_str()).record(took);
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                self.tell(EventKind::SessionWoken, json!({ "cause": cause, "tookMs": took_ms })).await;
            }
            SessionState::Stopped | SessionState::LoggedOut | SessionState::AwaitingScan => {
                self.outputs.waking_since = None;
            }
            _ => {}
        }
    }

    /// Each problem once, and its end once.
    async fn tell_alerts(&mut self) {
        let (given_up, quarantined) = (self.machine.trouble.given_up, self.machine.trouble.quarantined);
        let told = std::mem::replace(&mut self.outputs.told, ToldAlerts { given_up, quarantined });
        if told.given_up != given_up {
            if let Some(code) = code_of(told.given_up) {
                let how = if given_up == GivenUp::No && self.machine.state == SessionState::Ready {
                    "the session is ready again"
                } else {
                    "the session is in somebody's hands"
                };
                self.alert(Alert::resolved(code, how)).await;
            }
            if let Some(code) = code_of(given_up) {
                let why = self.machine.reason.as_ref().map_or("", |reason| reason.message.as_str());
                let what = if given_up == GivenUp::Fatal {
                    format!("the session needs a person: {why}")
                } else {
                    let seconds = self.services.settings.keepalive.slow_retry_s;
                    format!(
                        "every attempt to bring the session back failed; it is tried again every {seconds} s: {why}"
                    )
                };
                let reason = serde_json::json!(self.machine.reason);
                self.alert(Alert::raised(code, Severity::Critical, what).with("reason", reason)).await;
            }
        }
        if told.quarantined != quarantined {
            let alert = if quarantined {
                let (crashes, recycles) = (
                    self.machine.trouble.crashes_within_hour(self.services.clock.steady_ms()),
                    self.machine.trouble.recycles_ms.len(),
                );
                let is_of_memory =
                    self.machine.reason.as_ref().is_some_and(|reason| reason.code == "recycled_too_often");
                let (cause, times, what) = if is_of_memory {
                    ("memory", recycles, "its page held too much memory")
                } else {
                    ("crashes", crashes, "the session crashed")
                };
                let payload =
                    json!({ "reason": self.machine.reason, "crashesLastHour": crashes, "recyclesLastHour": recycles });
                self.tell(EventKind::SessionQuarantined, payload).await;
                let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
                let what = format!(
                    "{what} {often} within an hour; its restarts wait from now on. Restart it when you know why"
                );
                Alert::raised("quarantined", Severity::Warning, what).with("cause", cause).with("times", times)
            } else {
                Alert::resolved("quarantined", "the session left its quarantine")
            };
            self.alert(alert).await;
        }
    }

    pub(super) async fn alert(&self, alert: Alert) {
        let session = self.outputs.view.borrow().name.clone();
        if let Err(failure) = self.services.events.alert(&session, alert).await {
            error!(error = %failure, "an alert was not stored");
        }
    }

    /// Puts an event of this session into the log.
    pub(super) async fn tell(&self, kind: EventKind, payload: serde_json::Value) {
        let session = self.outputs.view.borrow().name.clone();
        if let Err(failure) = self.services.events.publish(NewEvent { kind, session, payload }).await {
            error!(error = %failure, event = kind.as_str(), "an event was not stored");
        }
    }

    /// Keeps what a snapshot tells of the account and the loading.
    pub(super) async fn note_snapshot(&self, snapshot: &Snapshot) {
        if let (Some(seen), true) = (&snapshot.me, snapshot.registered) {
            self.note_me(seen).await;
        }
        let percent = snapshot.progress.filter(|_| snapshot.registered && !snapshot.has_synced);
        let loading = percent.filter(|percent| Some(*percent) != self.outputs.view.borrow().page.loading_percent);
        if let Some(percent) = loading {
            self.outputs.view.send_modify(|view| view.page.loading_percent = Some(percent));
            self.tell(EventKind::Loading, serde_json::json!({ "percent": percent })).await;
        }
    }

    async fn note_me(&self, seen: &MeSeen) {
        let (known, name, state) = {
            let view = self.outputs.view.borrow();
            (view.me.clone(), view.name.clone(), view.state)
        };
        let kept_name = known.as_ref().map(|me| me.push_name.clone());
        let push_name = seen.push_name.clone().or(kept_name).unwrap_or_default();
        let me = Me { id: seen.id.clone(), lid: seen.lid.clone(), push_name };
        if seen.id.is_empty() || state == SessionState::LoggedOut || known.as_ref() == Some(&me) {
            return;
        }
        if let Err(failure) = self.services.store.sessions().set_me(&name, Some(&me)).await {
            error!(error = %failure, "the session's account was not stored");
        }
        // An account that is new to this drover warms up.
        match self.services.store.accounts().linked(&me.id, self.services.clock.now_ms()).await {
            Ok(linked_at_ms) => self.services.queue.set_linked_at(&name, Some(linked_at_ms)),
            Err(failure) => error!(error = %failure, "the account's age is unknown: it counts as new"),
        }
        self.outputs.view.send_modify(|view| view.me = Some(me));
    }
}

fn replace(
    held: &mut Option<std::sync::Arc<dyn crate::page::WhatsAppPage>>,
    page: Option<std::sync::Arc<dyn crate::page::WhatsAppPage>>,
) -> bool {
    let same = match (&*held, &page) {
        (Some(held), Some(page)) => std::sync::Arc::ptr_eq(held, page),
        (None, None) => true,
        _ => false,
    };
    *held = page;
    !same
}

/// Under which code a session that is not tried any more, or only slowly, is told.
fn code_of(given_up: GivenUp) -> Option<&'static str> {
    match given_up {
        GivenUp::No => None,
        GivenUp::Spent => Some("attempts_spent"),
        GivenUp::Fatal => Some("needs_a_person"),
    }
}
