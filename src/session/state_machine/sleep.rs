//! Sleeping and waking: the browser is closed as a person closes it, and comes back when something needs its page.
//!
//! Who may sleep is decided here for whoever asks: nothing that still has to be linked, was linked just now, or brings in its first
//! history.

use super::{BrowserPhase, Context, Effect, Login, Machine, deadlines::after_s};
use crate::model::{Desired, Reason, SessionState, WakeCause, sleep::NOT_STARTED};

impl Machine {
    /// Whether its browser may be closed now without harm to the login.
    #[must_use]
    pub fn may_sleep(&self, now_ms: i64) -> bool {
        use SessionState::{Launching, Loading, Ready, Reconnecting, Syncing};
        let brings_in_history = self.signals.history_ends_ms.is_some_and(|ends_ms| now_ms < ends_ms);
        self.desired == Desired::Running
            && !self.suspended
            && self.login == Login::MayBe
            && matches!(self.state, Ready | Reconnecting | Launching | Loading | Syncing)
            && !brings_in_history
    }

    /// Does nothing where [`Self::may_sleep`] says no.
    pub(super) fn hibernate(&mut self, reason: Reason, context: &Context<'_>, effects: &mut Vec<Effect>) {
        if !self.may_sleep(context.now_ms) {
            return;
        }
        self.end_browser(Effect::Close, effects);
        self.woken = None;
        self.enter(SessionState::Hibernated, Some(reason), None, context);
        self.plan_visit(1.0, context);
    }

    /// Only for one that sleeps, or was never started.
    pub(super) fn wake(&mut self, cause: WakeCause, context: &Context<'_>, effects: &mut Vec<Effect>) {
        let was_never_started = || self.reason.as_ref().is_some_and(|reason| reason.code == NOT_STARTED);
        let sleeps = match self.state {
            SessionState::Hibernated => true,
            SessionState::Stopped => was_never_started() && cause != WakeCause::Visit,
            _ => false,
        };
        if !sleeps || self.suspended {
            return;
        }
        self.desired = Desired::Running;
        self.woken = Some(cause);
        self.enter(SessionState::Launching, None, None, context);
        self.go_on(context, effects);
    }

    /// As an earlier run of drover left it: what slept sleeps on, everything else that should run starts.
    pub(super) fn resume(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        if self.state == SessionState::Hibernated {
            // Spread, so that they do not all look at the same time.
            self.plan_visit(context.jitter.clamp(0.0, 1.0), context);
        } else if self.desired == Desired::Running {
            self.start(context, effects);
        }
    }

    /// A new browser for one whose page holds too much.
    pub(super) fn recycle(&mut self, reason: Reason, context: &Context<'_>, effects: &mut Vec<Effect>) {
        if !self.may_sleep(context.now_ms) || self.browser != BrowserPhase::Up {
            return;
        }
        self.trouble.count_recycle(context);
        self.end_browser(Effect::Close, effects);
        if self.trouble.quarantined {
            let message = format!("{}; that happened too often, so that the next browser waits", reason.message);
            let reason = Reason::new("recycled_too_often", message);
            let pause_s = context.keepalive.quarantine_pause_s;
            self.enter(SessionState::Reconnecting, Some(reason), Some(pause_s), context);
        } else {
            self.enter(SessionState::Launching, Some(reason), None, context);
        }
    }

    fn plan_visit(&mut self, share: f64, context: &Context<'_>) {
        if context.wake_every_s > 0 {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "hours, in seconds, and a share of them"
            )]
            let pause_s = (context.wake_every_s as f64 * share) as u64;
            self.deadline_ms = Some(after_s(context, pause_s.max(1)));
        }
    }
}
