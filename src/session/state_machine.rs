//! What a session does next, as a pure function: `step(machine, input, context) -> (machine, effects)`.
//!
//! ```text
//!             start                 no login               scanned
//!   stopped ────────▶ launching ──▶ loading ──▶ awaiting_scan ──▶ pairing ──▶ syncing ──▶ ready
//!      ▲                 ▲             │  login kept └──────────────────────────▲            │
//!      │ stop            │ due         └───────────────────────────────────────┘            │
//!      │                 │                                                                   │
//!      └──────── failed ◀── attempts spent ── reconnecting ◀── crash, hang, socket lost ─────┤
//!                                                                logged_out ◀── unlinked ────┘
//! ```
//!
//! Invariants, held by property tests: whatever comes, it neither panics nor waits without a deadline or an answer that the
//! actor owes; a browser is started only when the one before has ended; after a logout nothing leads to `ready` but a new QR.

mod deadlines;
mod page_inputs;

use crate::{
    config::Keepalive,
    model::{Desired, Reason, SessionState},
    page::Snapshot,
};

/// A session's whole state, as far as decisions need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// What the operator wants.
    pub desired: Desired,
    /// Where the session stands.
    pub state: SessionState,
    /// Why.
    pub reason: Option<Reason>,
    /// How far the browser is.
    pub browser: BrowserPhase,
    /// Unix milliseconds at which the state has lasted too long.
    pub deadline_ms: Option<i64>,
    /// Unix milliseconds at which a page that gave no sign of life counts as hung.
    pub pulse_deadline_ms: Option<i64>,
    /// Restarts in a row; being ready sets it back.
    pub attempts: u32,
    /// How the login stands.
    pub login: Login,
    /// The daemon ends: nothing is started any more.
    pub suspended: bool,
}

/// How far a session's browser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BrowserPhase {
    /// There is none; the profile is free.
    None,
    /// It is being launched.
    Starting,
    /// Its page speaks.
    Up,
    /// It is being ended.
    Closing,
}

/// How a session's login stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Login {
    /// The profile may hold one.
    MayBe,
    /// It is lost, and the profile still has to be archived.
    ToArchive,
    /// It is lost, and the profile is being archived.
    Archiving,
    /// It is lost; only a scan gives a new one.
    NeedsScan,
    /// A phone scanned just now: the page has 180 s for each of its two syncs and is left alone.
    JustLinked,
}

/// What a session hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The operator wants it to run.
    Start,
    /// The operator wants it to rest.
    Stop,
    /// The operator wants a new browser.
    Restart,
    /// The operator wants the account unlinked.
    LogOut,
    /// The daemon ends; what is wanted stays as it is.
    Suspend,
    /// The launch waits for its turn or for room; None: no longer.
    Waiting(Option<Reason>),
    /// The browser runs and navigates.
    Launched,
    /// It does not.
    LaunchFailed(ErrorClass, Reason),
    /// The browser has ended and its profile is free.
    BrowserEnded,
    /// The old login lies in the archive.
    Archived,
    /// It could not be put there.
    ArchiveFailed(Reason),
    /// The page's state, told by itself.
    Status(Snapshot),
    /// The page's state, asked for: a sign of life.
    Heartbeat(Snapshot),
    /// A QR to scan.
    Qr,
    /// The page begins to log out.
    LoggingOut,
    /// The page logged out, with WhatsApp Web's reason.
    LoggedOut(Option<u8>),
    /// The browser or its page died.
    Gone(Reason),
    /// Time passed; at least one deadline may be due.
    Tick,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// A new browser may do better.
    Recoverable,
    /// A person has to do something.
    Fatal,
}

/// What a session has done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Launch a browser on the profile, when it is its turn; answers `Launched` or `LaunchFailed` within its own limit.
    Launch,
    /// Give up a launch that is under way; answers `BrowserEnded`.
    AbandonLaunch,
    /// Close the browser as a person would; answers `BrowserEnded`.
    Close,
    /// End the browser at once; answers `BrowserEnded`.
    Kill,
    /// Move the profile to the archive; answers `Archived` or `ArchiveFailed`.
    Archive,
    /// Ask the page to log out.
    LogOutOnPage,
    /// Ask the page for new QR codes.
    RefreshQr,
}

/// What a step may know beside the machine and the input.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Unix time in milliseconds.
    pub now_ms: i64,
    /// A random share, 0 to 1, for the backoff's jitter.
    pub jitter: f64,
    /// `[keepalive]`
    pub keepalive: &'a Keepalive,
    /// How long a page may load, in seconds.
    pub load_limit_s: u64,
}

impl Machine {
    /// A session that rests, with what is wanted of it.
    #[must_use]
    pub fn resting(desired: Desired, state: SessionState, reason: Option<Reason>) -> Self {
        let at_rest = matches!(state, SessionState::Stopped | SessionState::LoggedOut | SessionState::Failed);
        Self {
            desired,
            state: if at_rest { state } else { SessionState::Stopped },
            reason: if at_rest { reason } else { None },
            browser: BrowserPhase::None,
            deadline_ms: None,
            pulse_deadline_ms: None,
            attempts: 0,
            login: if state == SessionState::LoggedOut { Login::ToArchive } else { Login::MayBe },
            suspended: false,
        }
    }

    /// When the machine wants a `Tick`, in Unix milliseconds.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        match (self.deadline_ms, self.pulse_deadline_ms) {
            (Some(state), Some(pulse)) => Some(state.min(pulse)),
            (state, pulse) => state.or(pulse),
        }
    }

    /// Whether a browser runs, starts or ends.
    #[must_use]
    pub fn holds_browser(&self) -> bool {
        self.browser != BrowserPhase::None
    }
}

/// One step. Total: every input has a meaning in every state, if only "nothing".
#[must_use]
pub fn step(mut machine: Machine, input: Input, context: &Context<'_>) -> (Machine, Vec<Effect>) {
    let mut effects = Vec::new();
    match input {
        Input::Start => machine.start(context, &mut effects),
        Input::Stop => machine.stop(None, context, &mut effects),
        Input::Restart => machine.restart(context, &mut effects),
        Input::LogOut => machine.log_out(context, &mut effects),
        Input::Suspend => {
            let desired = machine.desired;
            machine.suspended = true;
            machine.stop(None, context, &mut effects);
            machine.desired = desired;
        }
        Input::Waiting(why)
            if machine.browser == BrowserPhase::Starting && machine.state == SessionState::Launching =>
        {
            machine.reason = why;
        }
        Input::Launched if machine.browser == BrowserPhase::Starting => machine.launched(context),
        Input::LaunchFailed(class, reason) if machine.browser == BrowserPhase::Starting => {
            machine.browser = BrowserPhase::None;
            machine.recover(class, reason, context, &mut effects);
        }
        Input::BrowserEnded => machine.browser_ended(context, &mut effects),
        Input::Archived if machine.login == Login::Archiving => {
            machine.login = Login::NeedsScan;
            machine.go_on(context, &mut effects);
        }
        Input::ArchiveFailed(reason) if machine.login == Login::Archiving => {
            machine.login = Login::ToArchive;
            machine.recover(ErrorClass::Fatal, reason, context, &mut effects);
        }
        Input::Tick => machine.tick(context, &mut effects),
        page if machine.browser == BrowserPhase::Up => machine.hear_page(page, context, &mut effects),
        _ => {}
    }
    (machine, effects)
}

impl Machine {
    fn enter(&mut self, state: SessionState, reason: Option<Reason>, limit_s: Option<u64>, context: &Context<'_>) {
        self.state = state;
        self.reason = reason;
        self.deadline_ms = limit_s.map(|seconds| deadlines::after_s(context, seconds));
    }

    fn start(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.desired = Desired::Running;
        let resting = matches!(
            self.state,
            SessionState::Stopped | SessionState::Hibernated | SessionState::LoggedOut | SessionState::Failed
        );
        if resting {
            self.attempts = 0;
            self.go_on(context, effects);
        }
    }

    fn stop(&mut self, reason: Option<Reason>, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.desired = Desired::Stopped;
        let keeps_reason = matches!(self.state, SessionState::LoggedOut);
        let state = if keeps_reason { SessionState::LoggedOut } else { SessionState::Stopped };
        let reason = if keeps_reason { self.reason.take() } else { reason };
        self.attempts = 0;
        self.end_browser(Effect::Close, effects);
        self.enter(state, reason, None, context);
        self.go_on(context, effects);
    }

    fn restart(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.desired = Desired::Running;
        self.attempts = 0;
        self.end_browser(Effect::Close, effects);
        self.enter(SessionState::Launching, None, None, context);
        self.go_on(context, effects);
    }

    /// With a page: it logs out on WhatsApp's side and reports so. Without: the login is archived, and the phone lists a
    /// device that it will forget by itself.
    fn log_out(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        if self.browser == BrowserPhase::Up
            && matches!(self.state, SessionState::Ready | SessionState::Syncing | SessionState::Reconnecting)
        {
            effects.push(Effect::LogOutOnPage);
            let reason = Reason::new("logging_out", "logging out as asked");
            self.enter(SessionState::LoggedOut, Some(reason), Some(deadlines::LOGOUT_LIMIT_S), context);
            return;
        }
        let reason = Reason::new(
            "logged_out_offline",
            "logged out here; the phone may list this device until it is removed there, under Linked devices",
        );
        self.lose_login(reason, context, effects);
    }

    fn launched(&mut self, context: &Context<'_>) {
        self.browser = BrowserPhase::Up;
        self.beat(context);
        self.enter(SessionState::Loading, None, Some(context.load_limit_s), context);
    }

    fn browser_ended(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.browser = BrowserPhase::None;
        self.pulse_deadline_ms = None;
        self.go_on(context, effects);
    }

    /// The login is gone: the browser ends, the profile goes to the archive, and a new QR follows if running is wanted.
    fn lose_login(&mut self, reason: Reason, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.login = Login::ToArchive;
        self.attempts = 0;
        self.end_browser(Effect::Kill, effects);
        self.enter(SessionState::LoggedOut, Some(reason), None, context);
        self.go_on(context, effects);
    }

    /// After trouble: a new browser after a pause, or the end of trying.
    fn recover(&mut self, class: ErrorClass, reason: Reason, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.end_browser(Effect::Kill, effects);
        self.pulse_deadline_ms = None;
        if self.desired == Desired::Stopped {
            return;
        }
        if self.login == Login::JustLinked {
            self.login = Login::MayBe;
        }
        self.attempts = self.attempts.saturating_add(1);
        if class == ErrorClass::Fatal || self.attempts > context.keepalive.attempts {
            self.enter(SessionState::Failed, Some(reason), Some(context.keepalive.slow_retry_s), context);
        } else {
            self.enter(SessionState::Reconnecting, Some(reason), None, context);
            self.deadline_ms = Some(deadlines::backoff_end_ms(self.attempts, context));
        }
    }

    fn end_browser(&mut self, how: Effect, effects: &mut Vec<Effect>) {
        match self.browser {
            BrowserPhase::Up => effects.push(how),
            BrowserPhase::Starting => effects.push(Effect::AbandonLaunch),
            BrowserPhase::None | BrowserPhase::Closing => return,
        }
        self.browser = BrowserPhase::Closing;
    }

    /// What is next once nothing stands in the way: first the archive, then the launch.
    fn go_on(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        let wants_launch = self.desired == Desired::Running
            && !self.suspended
            && matches!(
                self.state,
                SessionState::Stopped
                    | SessionState::Hibernated
                    | SessionState::LoggedOut
                    | SessionState::Failed
                    | SessionState::Launching
            )
            && !self.waits_for_slow_retry(context);
        match self.browser {
            BrowserPhase::None if self.login == Login::ToArchive && !self.waits_for_slow_retry(context) => {
                self.login = Login::Archiving;
                effects.push(Effect::Archive);
            }
            BrowserPhase::None if wants_launch && self.login != Login::Archiving => {
                self.browser = BrowserPhase::Starting;
                self.enter(SessionState::Launching, None, None, context);
                effects.push(Effect::Launch);
            }
            BrowserPhase::Closing if wants_launch && self.state != SessionState::LoggedOut => {
                self.enter(SessionState::Launching, self.reason.clone(), None, context);
            }
            _ => {}
        }
    }

    fn waits_for_slow_retry(&self, context: &Context<'_>) -> bool {
        self.state == SessionState::Failed
            && self.attempts > 0
            && self.deadline_ms.is_some_and(|deadline| deadline > context.now_ms)
    }
}

#[cfg(test)]
mod tests;
