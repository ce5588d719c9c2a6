//! How long each state may last, and what follows when it lasted longer.

use super::{BrowserPhase, Context, Effect, ErrorClass, Machine};
use crate::model::{Reason, SessionState, WakeCause};

/// A page that was just linked has 180 s for its critical sync and 180 s for the history, and unlinks itself past that.
/// Until then nothing restarts it.
pub(super) const JUST_LINKED_LIMIT_S: u64 = 380;

pub(super) fn after_s(context: &Context<'_>, seconds: u64) -> i64 {
    let ms = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
    context.now_ms.saturating_add(ms)
}

/// Doubles from `backoff_s` up to `backoff_max_s`; the jitter takes up to a fifth off, so that sessions that fell together
/// do not rise together.
pub(super) fn backoff_end_ms(attempt: u32, context: &Context<'_>) -> i64 {
    let doubled = context.keepalive.backoff_s.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    let pause_ms = doubled.min(context.keepalive.backoff_max_s).saturating_mul(1_000);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a pause of minutes, shortened by a share"
    )]
    let pause_ms = (pause_ms as f64 * (1.0 - 0.2 * context.jitter.clamp(0.0, 1.0))) as i64;
    context.now_ms.saturating_add(pause_ms)
}

impl Machine {
    pub(super) fn tick(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        let is_due = |deadline: Option<i64>| deadline.is_some_and(|deadline| deadline <= context.now_ms);
        if is_due(self.deadline_ms) {
            self.deadline_ms = None;
            self.state_lasted_too_long(context, effects);
        } else if self.signals.are_long_overdue(context) {
            self.give_signals_time(context);
        } else if is_due(self.signals.page_due_ms) && self.browser == BrowserPhase::Up {
            let reason = Reason::new("page_hung", "the page gave no sign of life; the browser is restarted");
            self.crash(reason, context, effects);
        } else if is_due(self.signals.acks_due_ms) {
            self.lose_acks(context, effects);
        }
    }

    fn state_lasted_too_long(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        let (code, message) = match self.state {
            SessionState::Loading => ("load_timeout", "WhatsApp Web did not load in time"),
            SessionState::Pairing | SessionState::Syncing => ("never_ready", "linked, but not ready in time"),
            SessionState::Reconnecting if self.browser == BrowserPhase::Up => {
                self.recover(ErrorClass::Transient, self.why_socket_is_lost(), context, effects);
                return;
            }
            SessionState::Reconnecting | SessionState::Failed => {
                self.enter(SessionState::Launching, self.reason.clone(), None, context);
                self.go_on(context, effects);
                return;
            }
            SessionState::AwaitingScan => {
                let reason =
                    Reason::new("qr_timeout", "nobody scanned the QR; start the session again to get a new one");
                self.stop(Some(reason), context, effects);
                return;
            }
            SessionState::LoggedOut => {
                let reason = self.hung_logout();
                self.lose_login(reason, context, effects);
                return;
            }
            SessionState::Hibernated => {
                self.wake(WakeCause::Visit, context, effects);
                return;
            }
            SessionState::Launching | SessionState::Ready | SessionState::Stopped => return,
        };
        self.recover(ErrorClass::Recoverable, Reason::new(code, message), context, effects);
    }

    /// Clearing storage at a logout can hang (whatsapp-web.md). What began it stays the reason, if it was not us.
    fn hung_logout(&self) -> Reason {
        match self.reason.as_ref().filter(|reason| reason.code != "logging_out").map(|_| self.logout_reason(None)) {
            Some(reason) => {
                let message = format!("{}; the page hung while it logged out, and was ended", reason.message);
                Reason::new(&reason.code, message)
            }
            _ => Reason::new(
                "logout_hung",
                "the page hung while it logged out, and was ended; the phone may list this device until it is removed there, \
                 under Linked devices",
            ),
        }
    }
}
