//! A session that sleeps: its browser is closed, everything else stays.

use serde::{Deserialize, Serialize};

use super::{Reason, SessionState, SessionView, WireStatus};

/// Why a session that sleeps is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeCause {
    /// A message is due.
    Message,
    /// A call needs its page.
    Call,
    /// Somebody asked for it.
    Order,
    /// It looks for what came in meanwhile, and sleeps again.
    Visit,
}

impl WakeCause {
    /// The name in events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Call => "call",
            Self::Order => "order",
            Self::Visit => "visit",
        }
    }
}

/// What a session shows of its sleep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SleepView {
    /// What woke it; None when it was started otherwise, or sleeps.
    pub woken: Option<WakeCause>,
    /// Until when it brings in its first history and must not be disturbed, in Unix milliseconds.
    pub undisturbed_until_ms: Option<i64>,
    /// Whether it counts as WORKING while it sleeps.
    pub counts_as_working: bool,
}

/// The reason of a session that was made and never started.
pub const NOT_STARTED: &str = "not_started";

impl Reason {
    /// Made with `start: false`: what needs its page starts it.
    #[must_use]
    pub fn not_started() -> Self {
        Self::new(NOT_STARTED, "it was never started; its first message, or a call that needs its page, starts it")
    }
}

impl SessionView {
    /// The status that WAHA's clients know.
    #[must_use]
    pub fn wire_status(&self) -> WireStatus {
        if self.state == SessionState::Hibernated && self.sleep.counts_as_working {
            return WireStatus::Working;
        }
        self.state.wire_status()
    }

    /// Whether it has no browser, and gets one as soon as something needs its page.
    #[must_use]
    pub fn sleeps(&self) -> bool {
        let was_never_started = || self.reason.as_ref().is_some_and(|reason| reason.code == NOT_STARTED);
        self.state == SessionState::Hibernated || self.state == SessionState::Stopped && was_never_started()
    }

    /// Whether it was woken and is not up yet.
    #[must_use]
    pub fn is_waking(&self) -> bool {
        let is_on_its_way =
            matches!(self.state, SessionState::Launching | SessionState::Loading | SessionState::Syncing);
        self.sleep.woken.is_some() && is_on_its_way
    }
}
