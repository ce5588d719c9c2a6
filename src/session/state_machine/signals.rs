//! The watchdog: one deadline a signal. Whether the process lives is told by events; here are whether the page answers, whether its
//! socket is connected, and whether acknowledgements come while a send is pending.

use super::{BrowserPhase, Context, Login, Machine, deadlines::after_s};
use crate::{
    model::{Reason, SessionState},
    page::{Snapshot, SocketState},
};

/// How long a page may take for the history after its first sync (whatsapp-web.md).
const HISTORY_LIMIT_S: u64 = 180;

/// The latest that a deadline is noticed by a drover that runs.
const STOOD_STILL_MS: i64 = 5_000;

/// What the watchdog goes by, beside the state's own deadline.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signals {
    /// Steady milliseconds at which a page that did not answer counts as hung.
    pub page_due_ms: Option<i64>,
    /// Steady milliseconds at which a session to which nothing is acknowledged counts as unable to send.
    pub acks_due_ms: Option<i64>,
    /// Since when a send waits and nothing was acknowledged.
    pub waiting_since_ms: Option<i64>,
    /// Since when it is ready.
    pub ready_since_ms: Option<i64>,
    /// Since when the page has no socket, and whether it tries to get one.
    pub lost: Option<LostSocket>,
    /// Until when a page that was just linked may still bring in the history.
    pub history_ends_ms: Option<i64>,
}

impl Signals {
    /// A deadline that is noticed so late says that it was drover, or the whole machine, that stood still: the page could not be
    /// asked, and what it said was not heard.
    pub(super) fn are_long_overdue(&self, context: &Context<'_>) -> bool {
        let due_ms = [self.page_due_ms, self.acks_due_ms].into_iter().flatten().min();
        due_ms.is_some_and(|due_ms| context.now_ms.saturating_sub(due_ms) > STOOD_STILL_MS)
    }
}

/// A socket that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostSocket {
    since_ms: i64,
    tries: bool,
}

/// A page whose socket was taken away (`replaced`) does nothing, and stays at CONNECTED; one that has lost it opens another
/// (whatsapp-web.md). How long it lasts decides; what the page does about it only makes that longer.
fn tries_by_itself(snapshot: &Snapshot) -> bool {
    matches!(snapshot.state, SocketState::Opening | SocketState::Pairing)
}

impl Machine {
    /// The page gave a sign of life.
    pub(super) fn beat(&mut self, context: &Context<'_>) {
        let keepalive = context.keepalive;
        let limit_s = match self.state {
            _ if self.login == Login::JustLinked => {
                keepalive.watchdog_loading_s.max(super::deadlines::JUST_LINKED_LIMIT_S)
            }
            SessionState::Ready | SessionState::Reconnecting => keepalive.watchdog_s,
            // Nobody can ask it before it has loaded.
            SessionState::Loading => keepalive.watchdog_loading_s.max(context.load_limit_s),
            _ => keepalive.watchdog_loading_s,
        };
        let due_ms = after_s(context, limit_s);
        // What brings in the history keeps a page busy, and must not be broken off.
        self.signals.page_due_ms = Some(due_ms.max(self.signals.history_ends_ms.unwrap_or(due_ms)));
    }

    /// Each signal has its time once more.
    pub(super) fn give_signals_time(&mut self, context: &Context<'_>) {
        self.signals.ready_since_ms = self.signals.ready_since_ms.map(|_| context.now_ms);
        self.beat(context);
    }

    /// What the sends wait for. An acknowledgement proves that it can send.
    pub(super) fn hear_sends(&mut self, waiting_since_ms: Option<i64>, is_acked: bool) {
        self.signals.waiting_since_ms = waiting_since_ms;
        if is_acked {
            self.trouble.unproven_until_ms = None;
            if self.state == SessionState::Ready {
                self.trouble.forgive();
            }
        }
    }

    /// The deadlines that follow from where it stands now; after every step.
    pub(super) fn watch_signals(&mut self, context: &Context<'_>) {
        let is_ready = self.state == SessionState::Ready;
        if self.browser != BrowserPhase::Up {
            // What waited was told to a page that is gone.
            self.signals = Signals::default();
        }
        if self.state == SessionState::LoggedOut {
            // The logout has its own deadline, after which the login is archived.
            self.signals.page_due_ms = None;
        }
        self.signals.ready_since_ms = is_ready.then(|| self.signals.ready_since_ms.unwrap_or(context.now_ms));
        if !matches!(self.state, SessionState::Syncing | SessionState::Reconnecting) {
            self.signals.lost = None;
        }
        let counts_from = self.signals.ready_since_ms.zip(self.signals.waiting_since_ms);
        self.signals.acks_due_ms = counts_from.map(|(ready_ms, waiting_ms)| {
            let due_ms = ready_ms.max(waiting_ms).saturating_add(ms(context.keepalive.acks_s));
            due_ms.max(self.signals.history_ends_ms.unwrap_or(due_ms))
        });
        self.trouble.watch_quarantine(context);
    }

    /// A page without a socket is waited for: `grace_s` while it does nothing about it, longer while it tries.
    pub(super) fn wait_for_socket(&mut self, snapshot: &Snapshot, grace_s: u64, context: &Context<'_>) {
        let tries = tries_by_itself(snapshot);
        let known = self.signals.lost;
        if known.is_some_and(|lost| lost.tries == tries) {
            return;
        }
        let lost = LostSocket { since_ms: known.map_or(context.now_ms, |lost| lost.since_ms), tries };
        self.signals.lost = Some(lost);
        let patience_ends_ms = lost.since_ms.saturating_add(ms(context.keepalive.socket_patience_s.max(grace_s)));
        let grace_ends_ms = after_s(context, grace_s);
        self.deadline_ms = Some(if tries { patience_ends_ms } else { grace_ends_ms.min(patience_ends_ms) });
    }

    /// Why a socket that did not come back is gone.
    pub(super) fn why_socket_is_lost(&self) -> Reason {
        match &self.reason {
            Some(reason) if reason.code == PROXY_BLOCK.0 => reason.clone(),
            _ if self.signals.lost.is_some_and(|lost| lost.tries) => {
                Reason::new("socket_lost", "WhatsApp could not be reached for too long; the page is loaded anew")
            }
            _ => Reason::new(
                "conflict",
                "the page's connection ended and did not come back, as when WhatsApp Web is opened elsewhere; it is loaded anew",
            ),
        }
    }

    /// The scan was followed by the first sync; the history comes now.
    pub(super) fn expect_history(&mut self, context: &Context<'_>) {
        self.signals.history_ends_ms = Some(after_s(context, HISTORY_LIMIT_S));
    }
}

const PROXY_BLOCK: (&str, &str) = ("proxy_block", "WhatsApp blocks this address or proxy; the page tries again");

/// Why it is not connected, as far as one snapshot can tell.
pub(super) fn lost_now(snapshot: &Snapshot) -> Reason {
    if snapshot.state == SocketState::ProxyBlock {
        return Reason::new(PROXY_BLOCK.0, PROXY_BLOCK.1);
    }
    Reason::new("socket_lost", "the connection to WhatsApp is lost; the page tries to get it back")
}

fn ms(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
}
