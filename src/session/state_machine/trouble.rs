//! What went wrong, and what is done about it: by the error's class, with a pause that grows, up to the end of trying.

use std::collections::VecDeque;

use super::{BrowserPhase, Context, Effect, ErrorClass, Login, Machine, deadlines};
use crate::model::{Desired, Reason, SessionState};

/// Crashes are counted over the last hour.
const CRASH_WINDOW_MS: i64 = 3_600_000;
/// How many of them are remembered.
const CRASHES_KEPT: usize = 1_000;
/// Recycled so often within an hour, a session is quarantined.
const RECYCLES_TOLERATED: usize = 3;
/// How long being ready proves nothing after sends that nobody acknowledged.
const UNPROVEN_MS: i64 = 3_600_000;

/// What went wrong since it went well.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trouble {
    /// Restarts in a row; being ready sets it back.
    pub attempts: u32,
    /// Its page was loaded anew already; the next trouble takes a new browser.
    pub reloaded: bool,
    /// Until when only an acknowledgement sets the attempts back.
    pub unproven_until_ms: Option<i64>,
    /// When it crashed or hung, within the last hour, oldest first.
    pub crashes_ms: VecDeque<i64>,
    /// When it got a new browser because its page held too much, within the last hour, oldest first.
    pub recycles_ms: VecDeque<i64>,
    /// It crashes, or is recycled, too often: its restarts wait.
    pub quarantined: bool,
    /// When an hour without a crash will have passed.
    pub quarantine_ends_ms: Option<i64>,
    /// Whether trying has ended; until it is ready again, or stopped.
    pub given_up: GivenUp,
}

/// Whether trying has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GivenUp {
    /// It has not.
    #[default]
    No,
    /// The attempts are spent; it is tried again slowly.
    Spent,
    /// Only a person can mend it.
    Fatal,
}

/// Codes of what only a person can mend.
const FATAL: [&str; 4] = ["banned", "deprecated_version", "profile_unusable", "no_browser"];

impl Trouble {
    /// As an earlier run left it.
    pub(super) fn of_record(state: SessionState, reason: Option<&Reason>) -> Self {
        let given_up = match reason {
            _ if state != SessionState::Failed => GivenUp::No,
            Some(reason) if FATAL.contains(&reason.code.as_str()) => GivenUp::Fatal,
            _ => GivenUp::Spent,
        };
        Self { given_up, ..Self::default() }
    }

    /// The operator takes it in hand.
    pub(super) fn start_over(&mut self) {
        *self = Self { given_up: self.given_up, ..Self::default() };
    }

    /// It is ready, and it is believed.
    pub(super) fn forgive(&mut self) {
        self.attempts = 0;
        self.reloaded = false;
        self.given_up = GivenUp::No;
    }

    /// How often it crashed or hung within the last hour.
    #[must_use]
    pub fn crashes_within_hour(&self, now_ms: i64) -> usize {
        self.crashes_ms.iter().filter(|at_ms| now_ms - **at_ms < CRASH_WINDOW_MS).count()
    }

    fn count_crash(&mut self, context: &Context<'_>) {
        if self.crashes_ms.len() >= CRASHES_KEPT {
            self.crashes_ms.pop_front();
        }
        self.crashes_ms.push_back(context.now_ms);
        let limit = usize::try_from(context.keepalive.quarantine_crashes).unwrap_or(usize::MAX);
        self.quarantined |= limit > 0 && self.crashes_within_hour(context.now_ms) > limit;
    }

    /// The page held too much.
    pub(super) fn count_recycle(&mut self, context: &Context<'_>) {
        self.recycles_ms.retain(|at_ms| context.now_ms - at_ms < CRASH_WINDOW_MS);
        self.recycles_ms.push_back(context.now_ms);
        self.quarantined |= self.recycles_ms.len() >= RECYCLES_TOLERATED;
    }

    pub(super) fn watch_quarantine(&mut self, context: &Context<'_>) {
        self.crashes_ms.retain(|at_ms| context.now_ms - at_ms < CRASH_WINDOW_MS);
        self.recycles_ms.retain(|at_ms| context.now_ms - at_ms < CRASH_WINDOW_MS);
        let last_ms = self.crashes_ms.back().max(self.recycles_ms.back()).copied().filter(|_| self.quarantined);
        self.quarantined = last_ms.is_some();
        self.quarantine_ends_ms = last_ms.map(|last_ms| last_ms.saturating_add(CRASH_WINDOW_MS));
    }
}

impl Machine {
    /// It can send, as far as its page shows. After sends that nobody acknowledged that proves nothing.
    pub(super) fn note_ready(&mut self, context: &Context<'_>) {
        if self.trouble.unproven_until_ms.is_none_or(|until_ms| until_ms <= context.now_ms) {
            self.trouble.unproven_until_ms = None;
            self.trouble.forgive();
        }
    }

    /// The browser or its page crashed or hung.
    pub(super) fn crash(&mut self, reason: Reason, context: &Context<'_>, effects: &mut Vec<Effect>) {
        // A network that is down is no crash.
        if reason.code != "navigation_failed" && self.desired == Desired::Running {
            self.trouble.count_crash(context);
        }
        self.recover(ErrorClass::Recoverable, reason, context, effects);
    }

    /// Nothing is acknowledged: it cannot send, whatever its page shows.
    pub(super) fn lose_acks(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.trouble.unproven_until_ms = Some(context.now_ms.saturating_add(UNPROVEN_MS));
        let reason = Reason::new("no_acks", "WhatsApp acknowledges nothing that is sent; the page is loaded anew");
        self.recover(ErrorClass::Transient, reason, context, effects);
    }

    /// After trouble: the page anew at once, a new browser after a pause, or the end of trying.
    pub(super) fn recover(
        &mut self,
        class: ErrorClass,
        reason: Reason,
        context: &Context<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let is_wanted = self.desired == Desired::Running;
        let may_reload = self.browser == BrowserPhase::Up && !self.trouble.reloaded;
        if is_wanted && may_reload && class == ErrorClass::Transient {
            self.trouble.reloaded = true;
            self.signals.waiting_since_ms = None;
            self.enter(SessionState::Loading, Some(reason), Some(context.load_limit_s), context);
            self.beat(context);
            effects.push(Effect::Reload);
            return;
        }
        let is_spent = self.trouble.attempts >= context.keepalive.attempts;
        let gives_up = match class {
            ErrorClass::Fatal => GivenUp::Fatal,
            _ if is_spent => GivenUp::Spent,
            _ => GivenUp::No,
        };
        let is_worth_a_picture =
            gives_up != GivenUp::No || matches!(reason.code.as_str(), "never_ready" | "load_timeout");
        self.end_browser(if is_worth_a_picture { Effect::KillAfterScreenshot } else { Effect::Kill }, effects);
        if !is_wanted {
            return;
        }
        if self.login == Login::JustLinked {
            self.login = Login::MayBe;
        }
        self.trouble.attempts = self.trouble.attempts.saturating_add(1);
        match gives_up {
            GivenUp::No => {
                self.enter(SessionState::Reconnecting, Some(reason), None, context);
                self.deadline_ms = Some(self.next_attempt_ms(context));
                return;
            }
            GivenUp::Spent => {
                self.enter(SessionState::Failed, Some(reason), Some(context.keepalive.slow_retry_s), context)
            }
            GivenUp::Fatal => self.enter(SessionState::Failed, Some(reason), None, context),
        }
        self.trouble.given_up = gives_up;
    }

    fn next_attempt_ms(&self, context: &Context<'_>) -> i64 {
        if self.trouble.quarantined {
            deadlines::after_s(context, context.keepalive.quarantine_pause_s)
        } else {
            deadlines::backoff_end_ms(self.trouble.attempts, context)
        }
    }
}
