//! The keepalive of one session, three mechanisms side by side: the heartbeat measures, the watchdog's ping asks for a sign of life
//! (its deadlines are the state machine's), activity keeps the page in use. Beside them: presence, and how well it all does.

use std::{sync::Arc, time::Duration};

use metrics::{counter, histogram};
use rand::RngExt;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::{
    Actor, Report,
    effects::{beside, tell},
};
use crate::{
    config,
    model::{EventKind, KeptScreenshot, Reason, SessionHealth, SessionState},
    page::{PageError, Snapshot, WhatsAppPage},
    session::{
        pending::{PendingSends, SendSign},
        presence::Presence,
        quality::{Owed, Quality},
        sends::Sends,
        state_machine::{BrowserPhase, Input},
    },
};

/// How many signs a sender may be ahead.
const SIGNS_KEPT: usize = 64;
/// A page is believed to be unreadable after so many answers in a row.
const UNREADABLE_NEEDED: u32 = 2;

/// Which of the two asked the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// It measures.
    Heartbeat,
    /// The watchdog's.
    Ping,
}

/// One of the two questions to the page.
struct Question {
    period: Duration,
    next_at: Instant,
    /// It is under way.
    is_asked: bool,
}

impl Question {
    fn every(seconds: u64) -> Self {
        let period = Duration::from_secs(seconds.max(1));
        Self { period, next_at: Instant::now() + period, is_asked: false }
    }

    /// Puts the next one off by a period; true when the one before was answered.
    fn take_turn(&mut self, now: Instant) -> bool {
        self.next_at = now + self.period;
        !std::mem::replace(&mut self.is_asked, true)
    }

    /// The page just gave a sign of life: it need not be asked for one before a period has passed.
    fn put_off(&mut self, now: Instant) {
        self.next_at = self.next_at.max(now + self.period);
    }
}

/// The keepalive's own state.
pub(super) struct Keeper {
    heartbeat: Question,
    ping: Question,
    /// Since when the page owes an answer; one that failed is still owed.
    owed_since: Option<Instant>,
    /// When that has lasted so long that it degrades the session.
    judge_at: Option<Instant>,
    activity_at: Instant,
    last_activity_ms: Option<i64>,
    last_ack_at_ms: Option<i64>,
    unreadable: u32,
    /// The page is being loaded anew: what the document before it says does not count.
    pub(super) is_reloading: bool,
    pub(super) quality: Quality,
    pub(super) pending: PendingSends,
    pub(super) presence: Arc<Presence>,
    pub(super) signs: mpsc::Receiver<SendSign>,
    pub(super) screenshots: Vec<KeptScreenshot>,
}

impl Keeper {
    pub(super) fn new(settings: &config::Keepalive, screenshots: Vec<KeptScreenshot>) -> (Self, Sends) {
        let presence = Arc::new(Presence::new(settings));
        let (sender, signs) = mpsc::channel(SIGNS_KEPT);
        let sends = Sends { signs: sender, presence: Arc::clone(&presence) };
        let keeper = Self {
            heartbeat: Question::every(settings.heartbeat_s),
            ping: Question::every(settings.ping_s),
            owed_since: None,
            judge_at: None,
            activity_at: Instant::now(),
            last_activity_ms: None,
            last_ack_at_ms: None,
            unreadable: 0,
            is_reloading: false,
            quality: Quality::default(),
            pending: PendingSends::default(),
            presence,
            signs,
            screenshots,
        };
        (keeper, sends)
    }

    /// Another page, or none.
    pub(super) fn forget_page(&mut self) {
        let now = Instant::now();
        for question in [&mut self.heartbeat, &mut self.ping] {
            *question = Question { period: question.period, next_at: now + question.period, is_asked: false };
        }
        (self.owed_since, self.judge_at) = (None, None);
        self.unreadable = 0;
        self.is_reloading = false;
        self.quality.forget_latency();
        self.pending.forget();
        self.presence.forget();
    }

    /// The login is lost: the next one is another account, or the same one anew.
    pub(super) fn forget_login(&mut self) {
        self.quality.forget_drops();
        self.last_ack_at_ms = None;
    }

    /// When something is to be done, as long as there is a page to do it to.
    pub(super) fn due(&self, is_ready: bool) -> Instant {
        let questions = self.heartbeat.next_at.min(self.ping.next_at);
        let questions = self.judge_at.map_or(questions, |judge_at| questions.min(judge_at));
        let presence = self.presence.due().filter(|_| is_ready);
        let ready = presence.map_or(self.activity_at, |due| due.min(self.activity_at));
        if is_ready { questions.min(ready) } else { questions }
    }

    pub(super) fn health(&self, now_ms: i64) -> SessionHealth {
        SessionHealth {
            degraded: self.quality.causes(),
            latency: self.quality.latency(),
            socket_drops_last_hour: self.quality.drops(now_ms),
            last_ack_at_ms: self.last_ack_at_ms,
            last_activity_at_ms: self.last_activity_ms,
            is_online: self.presence.is_online(),
            screenshots: self.screenshots.clone(),
            ..SessionHealth::default()
        }
    }
}

impl Actor {
    /// Does what is due.
    pub(super) async fn keep(&mut self, tasks: &TaskTracker) {
        let now = Instant::now();
        let is_ready = self.machine.state == SessionState::Ready;
        self.keeper.judge_at = self.keeper.judge_at.filter(|judge_at| *judge_at > now);
        if self.keeper.heartbeat.next_at <= now && self.keeper.heartbeat.take_turn(now) {
            self.ask(Asked::Heartbeat, tasks);
        }
        if self.keeper.ping.next_at <= now && self.keeper.ping.take_turn(now) {
            self.ask(Asked::Ping, tasks);
        }
        if is_ready && self.keeper.activity_at <= now {
            self.touch(tasks);
        } else if is_ready && self.keeper.presence.due().is_some_and(|due| due <= now) {
            self.apply_presence(false, tasks);
        }
        self.judge_quality().await;
    }

    fn ask(&mut self, what: Asked, tasks: &TaskTracker) {
        let Some(page) = self.browser.page.clone() else { return };
        if self.keeper.owed_since.is_none() {
            let patience = Duration::from_secs(self.services.settings.quality.unanswered_s);
            let now = Instant::now();
            (self.keeper.owed_since, self.keeper.judge_at) = (Some(now), Some(now + patience));
        }
        let reports = self.reports.0.clone();
        beside(tasks, async move {
            let began = Instant::now();
            let answer = page.snapshot().await;
            let took = began.elapsed();
            tell(&reports, Report::Answered { page, asked: what, answer, took }).await;
        });
    }

    pub(super) async fn hear_answer(
        &mut self,
        asked: Asked,
        answer: Result<Snapshot, PageError>,
        took: Duration,
        tasks: &TaskTracker,
    ) {
        let session = self.outputs.view.borrow().name.to_string();
        let result = if answer.is_ok() { "ok" } else { "failed" };
        let question = match asked {
            Asked::Heartbeat => {
                counter!("drover_session_heartbeats_total", "session" => session.clone(), "result" => result)
                    .increment(1);
                &mut self.keeper.heartbeat
            }
            Asked::Ping => {
                counter!("drover_session_pings_total", "session" => session.clone(), "result" => result).increment(1);
                &mut self.keeper.ping
            }
        };
        question.is_asked = false;
        if answer.is_ok() {
            (self.keeper.owed_since, self.keeper.judge_at) = (None, None);
            self.keeper.ping.put_off(Instant::now());
        }
        match answer {
            Ok(_) if self.keeper.is_reloading => {}
            Ok(snapshot) => {
                if asked == Asked::Heartbeat {
                    histogram!("drover_session_latency_seconds", "session" => session).record(took);
                    self.note_latency(took);
                }
                self.keeper.unreadable = 0;
                self.note_snapshot(&snapshot).await;
                self.step(Input::Answer(snapshot), tasks).await;
            }
            // The watchdog's deadline decides how long a page may owe an answer.
            Err(error @ (PageError::Timeout(_) | PageError::Gone(_) | PageError::Navigated)) => {
                debug!(%error, ?asked, "the page did not answer");
            }
            Err(error) => {
                self.keeper.unreadable += 1;
                debug!(%error, ?asked, "the page's state cannot be read");
                if self.keeper.unreadable >= UNREADABLE_NEEDED && !self.keeper.is_reloading {
                    let reason =
                        Reason::new("page_unreadable", format!("the page answers, but not as WhatsApp Web: {error}"));
                    self.step(Input::Unreadable(reason), tasks).await;
                }
            }
        }
        self.judge_quality().await;
    }

    fn note_latency(&mut self, took: Duration) {
        let latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.keeper.quality.note_latency(latency_ms);
        self.outputs.view.send_modify(|view| view.page.latency_ms = Some(latency_ms));
    }

    /// A small input event; after it, the page is told again what it shows of us.
    fn touch(&mut self, tasks: &TaskTracker) {
        self.plan_activity();
        let Some(page) = self.browser.page.clone() else { return };
        let (presence, reports) = (Arc::clone(&self.keeper.presence), self.reports.0.clone());
        beside(tasks, async move {
            let result = page.touch().await;
            presence.assert_again(&page).await;
            tell(&reports, Report::Touched { page, result }).await;
        });
    }

    /// Give or take a quarter, so that the pages of a machine are not all stirred at once.
    pub(super) fn plan_activity(&mut self) {
        let seconds = self.services.settings.keepalive.activity_s.max(1);
        self.keeper.activity_at =
            Instant::now() + Duration::from_secs(seconds).mul_f64(0.75 + 0.5 * rand::rng().random::<f64>());
    }

    pub(super) async fn hear_touched(&mut self, result: Result<(), PageError>) {
        let session = self.outputs.view.borrow().name.to_string();
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        counter!("drover_session_activity_total", "session" => session, "result" => outcome).increment(1);
        match result {
            Ok(()) => self.keeper.last_activity_ms = Some(self.services.clock.now_ms()),
            Err(error) => warn!(%error, "the page took no input event"),
        }
        self.publish().await;
    }

    /// Tells the page what it is to show; with `again` also one that was told so.
    pub(super) fn apply_presence(&self, again: bool, tasks: &TaskTracker) {
        let Some(page) = self.browser.page.clone() else { return };
        let (presence, reports) = (Arc::clone(&self.keeper.presence), self.reports.0.clone());
        beside(tasks, async move {
            if again {
                presence.assert_again(&page).await;
            } else {
                presence.apply(&page).await;
            }
            tell(&reports, Report::PresenceApplied).await;
        });
    }

    /// The sender says something.
    pub(super) async fn hear_sign(&mut self, sign: SendSign, tasks: &TaskTracker) {
        let is_acked = self.keeper.pending.hear(sign, self.services.clock.steady_ms());
        if is_acked {
            self.keeper.last_ack_at_ms = Some(self.services.clock.now_ms());
        }
        self.tell_sends(is_acked, tasks).await;
    }

    /// Something was acknowledged.
    pub(super) async fn note_ack(&mut self, tasks: &TaskTracker) {
        self.keeper.pending.hear_ack(self.services.clock.steady_ms());
        self.keeper.last_ack_at_ms = Some(self.services.clock.now_ms());
        self.tell_sends(true, tasks).await;
    }

    async fn tell_sends(&mut self, is_acked: bool, tasks: &TaskTracker) {
        let waiting_since_ms = self.keeper.pending.waiting_since_ms();
        self.step(Input::Sends { waiting_since_ms, is_acked }, tasks).await;
        self.judge_quality().await;
    }

    /// Looks how well it does, and tells when that changed.
    pub(super) async fn judge_quality(&mut self) {
        let now_ms = self.services.clock.steady_ms();
        let is_up = self.machine.browser == BrowserPhase::Up && self.browser.is_attached;
        let unanswered = self.keeper.owed_since.filter(|_| is_up).map_or(Duration::ZERO, |since| since.elapsed());
        let waiting_ms = self.machine.signals.waiting_since_ms.filter(|_| self.machine.state == SessionState::Ready);
        let owed = Owed {
            answer_ms: u64::try_from(unanswered.as_millis()).unwrap_or(u64::MAX),
            ack_ms: waiting_ms.map_or(0, |since_ms| u64::try_from(now_ms - since_ms).unwrap_or(0)),
        };
        let quality = &mut self.keeper.quality;
        let is_to_send = sends_or_will(self.machine.state);
        let is_changed =
            if is_to_send { quality.judge(now_ms, owed, &self.services.settings.quality) } else { quality.excuse() };
        if is_changed {
            self.publish().await;
            let causes = self.keeper.quality.causes();
            let state = self.machine.state;
            if !causes.is_empty() {
                warn!(?causes, "the session is degraded");
            }
            let payload = serde_json::json!({ "degraded": !causes.is_empty(), "causes": causes, "state": state });
            self.tell(EventKind::SessionDegraded, payload).await;
        }
    }
}

/// Whether a session sends, or is about to without a person.
fn sends_or_will(state: SessionState) -> bool {
    use SessionState::{Launching, Loading, Ready, Reconnecting, Syncing};
    matches!(state, Launching | Loading | Syncing | Ready | Reconnecting)
}

impl Actor {
    /// The page's time to answer is over, but no question was put to it for as long: it was drover that stood still. The next one is
    /// due already.
    pub(super) fn was_not_asked(&self) -> bool {
        let is_due = self.machine.signals.page_due_ms.is_some_and(|due_ms| due_ms <= self.services.clock.steady_ms());
        let owed = self.keeper.owed_since.map_or(Duration::ZERO, |since| since.elapsed());
        is_due && self.may_ask() && owed < least_patience(&self.services.settings.keepalive)
    }

    /// The page may be asked: its bridge is in.
    pub(super) fn may_ask(&self) -> bool {
        self.machine.browser == BrowserPhase::Up && self.browser.is_attached
    }

    /// Keeps what the end or the reload of a page makes void.
    pub(super) fn forget_page(&mut self) {
        self.keeper.forget_page();
        self.browser.is_attached = false;
    }
}

/// For how long a question must have been open before it counts that it was not answered: half of what a page has that was asked when
/// it should be.
fn least_patience(keepalive: &config::Keepalive) -> Duration {
    Duration::from_secs(keepalive.watchdog_s.saturating_sub(keepalive.ping_s)) / 2
}

impl super::BrowserHeld {
    pub(super) fn holds(&self, page: &Arc<dyn WhatsAppPage>) -> bool {
        self.page.as_ref().is_some_and(|held| Arc::ptr_eq(held, page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn a_page_that_answers_is_not_asked_before_a_period_has_passed() {
        let mut ping = Question::every(8);
        let began = ping.next_at - Duration::from_secs(8);
        ping.put_off(began + Duration::from_secs(6));
        assert_eq!(ping.next_at, began + Duration::from_secs(14));
        ping.put_off(began);
        assert_eq!(ping.next_at, began + Duration::from_secs(14), "an old answer asks for nothing earlier");
        assert!(ping.take_turn(began + Duration::from_secs(14)));
        assert!(!ping.take_turn(began + Duration::from_secs(22)), "the one before is not answered");
        assert_eq!(ping.next_at, began + Duration::from_secs(30));
    }

    #[test]
    fn a_page_that_was_asked_when_it_should_be_counts_as_asked() {
        let mut keepalive = config::load(&Sources::of("/srv".as_ref(), &[])).expect("the defaults").config.keepalive;
        for (ping_s, watchdog_s) in [(1, 2), (8, 12), (8, 16), (60, 3_600), (keepalive.ping_s, keepalive.watchdog_s)] {
            (keepalive.ping_s, keepalive.watchdog_s) = (ping_s, watchdog_s);
            assert!(least_patience(&keepalive) < Duration::from_secs(watchdog_s - ping_s), "{ping_s}, {watchdog_s}");
        }
    }
}
