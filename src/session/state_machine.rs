//! What a session does next, as a pure function: `step(machine, input, context) -> (machine, effects)`.
//!
//! ```text
//!             start                 no login               scanned
//!   stopped ────────▶ launching ──▶ loading ──▶ awaiting_scan ──▶ pairing ──▶ syncing ──▶ ready
//!      ▲                 ▲             │  login kept └──────────────────────────▲            │
//!      │ stop            │ due         └───────────────────────────────────────┘            │
//!      │                 │ wake                                                              │
//!      │             hibernated ◀── memory, idle ────────────────────────────────────────────┤
//!      │                                                                                     │
//!      └──────── failed ◀── attempts spent ── reconnecting ◀── crash, hang, socket lost ─────┤
//!                                                                logged_out ◀── unlinked ────┘
//! ```
//!
//! Invariants, held by property tests: whatever comes, it neither panics nor waits without a deadline or an answer that the
//! actor owes, but for what only a person can mend; a browser is started only when the one before has ended; after a logout
//! nothing leads to `ready` but a new QR.

mod deadlines;
mod page_inputs;
mod signals;
mod sleep;
mod trouble;

use crate::{
    config::Keepalive,
    model::{Desired, Reason, SessionState, WakeCause},
    page::Snapshot,
};

pub use signals::Signals;
pub use trouble::{GivenUp, Trouble};

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
    /// What the watchdog goes by, beside the state's own deadline.
    pub signals: Signals,
    /// What went wrong since it went well.
    pub trouble: Trouble,
    /// How the login stands.
    pub login: Login,
    /// What woke it since it slept last.
    pub woken: Option<WakeCause>,
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
    /// drover starts: what an earlier run left goes on.
    Resume,
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
    /// Close the browser until something needs the page.
    Hibernate(Reason),
    /// Something needs the page.
    Wake(WakeCause),
    /// The page holds too much: a new browser.
    Recycle(Reason),
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
    Answer(Snapshot),
    /// The page answers, but WhatsApp Web is not in it, or cannot be read.
    Unreadable(Reason),
    /// The page was not reloaded.
    ReloadFailed(Reason),
    /// What the sends wait for.
    Sends {
        /// When the oldest send was begun that no acknowledgement has followed, in Unix milliseconds.
        waiting_since_ms: Option<i64>,
        /// Whether an acknowledgement, of whatever message, is what is told.
        is_acked: bool,
    },
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
    /// drover stood still, and did not ask the page in time: that it gave no sign of life says nothing.
    NotAsked,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same browser may do better at once, with its page loaded anew.
    Transient,
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
    /// Keep a picture of the page, then end the browser; answers `BrowserEnded`.
    KillAfterScreenshot,
    /// Load the page anew; answers `ReloadFailed` or nothing.
    Reload,
    /// Move the profile to the archive; answers `Archived` or `ArchiveFailed`.
    Archive,
    /// Ask the page to log out.
    LogOutOnPage,
    /// Ask the page for new QR codes.
    RefreshQr,
    /// Keep a copy of the login that has just come about.
    KeepLogin,
}

/// What a step may know beside the machine and the input.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The steady clock's time in milliseconds: a machine whose clock is set restarts no session.
    pub now_ms: i64,
    /// A random share, 0 to 1, for the backoff's jitter.
    pub jitter: f64,
    /// `[keepalive]`
    pub keepalive: &'a Keepalive,
    /// How long a page may load, in seconds.
    pub load_limit_s: u64,
    /// After how many seconds one that sleeps looks for what came in; 0: never.
    pub wake_every_s: u64,
}

impl Machine {
    /// A session that rests, with what is wanted of it.
    #[must_use]
    pub fn resting(desired: Desired, state: SessionState, reason: Option<Reason>) -> Self {
        let trouble = Trouble::of_record(state, reason.as_ref());
        let at_rest = matches!(
            state,
            SessionState::Stopped | SessionState::Hibernated | SessionState::LoggedOut | SessionState::Failed
        );
        Self {
            desired,
            state: if at_rest { state } else { SessionState::Stopped },
            reason: if at_rest { reason } else { None },
            browser: BrowserPhase::None,
            deadline_ms: None,
            signals: Signals::default(),
            trouble,
            login: if state == SessionState::LoggedOut { Login::ToArchive } else { Login::MayBe },
            woken: None,
            suspended: false,
        }
    }

    /// When the machine wants a `Tick`, in Unix milliseconds.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let signals = &self.signals;
        [self.deadline_ms, signals.page_due_ms, signals.acks_due_ms, self.trouble.quarantine_ends_ms]
            .into_iter()
            .flatten()
            .min()
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
        Input::Resume => machine.resume(context, &mut effects),
        Input::Start => machine.start(context, &mut effects),
        Input::Stop => machine.stop(None, context, &mut effects),
        Input::Restart => machine.restart(context, &mut effects),
        Input::LogOut => machine.log_out(context, &mut effects),
        Input::Hibernate(reason) => machine.hibernate(reason, context, &mut effects),
        Input::Wake(cause) => machine.wake(cause, context, &mut effects),
        Input::Recycle(reason) => machine.recycle(reason, context, &mut effects),
        // It sleeps on in the next run.
        Input::Suspend if machine.state == SessionState::Hibernated => {
            machine.suspended = true;
            machine.deadline_ms = None;
        }
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
        Input::NotAsked => machine.give_signals_time(context),
        Input::Sends { waiting_since_ms, is_acked } => machine.hear_sends(waiting_since_ms, is_acked),
        page if machine.browser == BrowserPhase::Up => machine.hear_page(page, context, &mut effects),
        _ => {}
    }
    machine.watch_signals(context);
    (machine, effects)
}

impl Machine {
    fn enter(&mut self, state: SessionState, reason: Option<Reason>, limit_s: Option<u64>, context: &Context<'_>) {
        self.state = state;
        self.reason = reason;
        self.deadline_ms = limit_s.map(|seconds| deadlines::after_s(context, seconds));
    }

    /// One that runs is left alone, unless it sits out a quarantine: whoever starts it wants that to end.
    fn start(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.desired = Desired::Running;
        let sits_out = self.trouble.quarantined && self.state == SessionState::Reconnecting && !self.holds_browser();
        let has_failed = self.state == SessionState::Failed;
        let rests = matches!(self.state, SessionState::Stopped | SessionState::Hibernated | SessionState::LoggedOut);
        if has_failed || rests || sits_out {
            self.trouble.start_over();
        }
        self.woken = (self.state == SessionState::Hibernated).then_some(WakeCause::Order).or(self.woken);
        if has_failed || sits_out || self.state == SessionState::Hibernated {
            self.enter(SessionState::Launching, None, None, context);
        }
        self.go_on(context, effects);
    }

    fn stop(&mut self, reason: Option<Reason>, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.desired = Desired::Stopped;
        self.woken = None;
        let keeps_reason = matches!(self.state, SessionState::LoggedOut);
        let state = if keeps_reason { SessionState::LoggedOut } else { SessionState::Stopped };
        let reason = if keeps_reason { self.reason.is_some().then(|| self.logout_reason(None)) } else { reason };
        self.trouble.start_over();
        self.trouble.given_up = GivenUp::No;
        self.end_browser(Effect::Close, effects);
        self.enter(state, reason, None, context);
        self.go_on(context, effects);
    }

    fn restart(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.desired = Desired::Running;
        self.woken = None;
        self.trouble.start_over();
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
            // Whatever else is asked for meanwhile: the login is given up.
            self.login = Login::ToArchive;
            let reason = Reason::new("logging_out", "logging out as asked");
            self.enter(SessionState::LoggedOut, Some(reason), Some(context.keepalive.logout_timeout_s), context);
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
        self.enter(SessionState::Loading, None, Some(context.load_limit_s), context);
        self.beat(context);
    }

    fn browser_ended(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.browser = BrowserPhase::None;
        self.go_on(context, effects);
    }

    /// The login is gone: the browser ends, the profile goes to the archive, and a new QR follows if running is wanted.
    fn lose_login(&mut self, reason: Reason, context: &Context<'_>, effects: &mut Vec<Effect>) {
        self.login = Login::ToArchive;
        self.trouble.attempts = 0;
        self.end_browser(Effect::KillAfterScreenshot, effects);
        self.enter(SessionState::LoggedOut, Some(reason), None, context);
        self.go_on(context, effects);
    }

    fn end_browser(&mut self, how: Effect, effects: &mut Vec<Effect>) {
        match self.browser {
            BrowserPhase::Up => effects.push(how),
            BrowserPhase::Starting => effects.push(Effect::AbandonLaunch),
            BrowserPhase::None | BrowserPhase::Closing => return,
        }
        self.browser = BrowserPhase::Closing;
    }

    /// What is next once nothing stands in the way: first the archive, then the launch. A failed session waits for its slow
    /// retry, or for a person.
    fn go_on(&mut self, context: &Context<'_>, effects: &mut Vec<Effect>) {
        let wants_launch = self.desired == Desired::Running
            && !self.suspended
            && matches!(self.state, SessionState::Stopped | SessionState::LoggedOut | SessionState::Launching);
        match self.browser {
            BrowserPhase::None if self.login == Login::ToArchive && self.state != SessionState::Failed => {
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
}

#[cfg(test)]
mod tests;
