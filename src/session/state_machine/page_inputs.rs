//! What the page says, and what it means in each state.

use super::{
    BrowserPhase, Context, Effect, ErrorClass, Input, Login, Machine, deadlines::JUST_LINKED_LIMIT_S, signals::lost_now,
};
use crate::{
    model::{Reason, SessionState},
    page::{Snapshot, SocketState, StreamMode},
};

/// The reason of a logout that has begun, until its end says why: a first sync that failed and a phone that unlinks begin alike.
const UNLINKING: &str = "unlinking";

/// How far a page is, by the values it shows (events may lie: `change:hasSynced` also fires on a logout).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    CanSend,
    /// Linked, but syncing or without its socket.
    Linked,
    /// Shows a QR, or will.
    Unlinked,
    /// Ran out of QR codes.
    Idle,
    /// WhatsApp does not let it in any more.
    Blocked,
    /// WhatsApp does not take this version any more.
    Deprecated,
}

fn stage(snapshot: &Snapshot) -> Stage {
    let is_blocked = matches!(snapshot.state, SocketState::TosBlock | SocketState::SmbTosBlock)
        || matches!(snapshot.mode, StreamMode::TosBlock | StreamMode::SmbTosBlock);
    if is_blocked {
        Stage::Blocked
    } else if snapshot.mode == StreamMode::DeprecatedVersion {
        Stage::Deprecated
    } else if snapshot.can_send() {
        Stage::CanSend
    } else if snapshot.registered {
        Stage::Linked
    } else if snapshot.state == SocketState::UnpairedIdle {
        Stage::Idle
    } else {
        Stage::Unlinked
    }
}

impl Machine {
    pub(super) fn hear_page(&mut self, input: Input, context: &Context<'_>, effects: &mut Vec<Effect>) {
        match input {
            Input::Answer(snapshot) => {
                self.hear_status(&snapshot, context, effects);
                if self.browser == BrowserPhase::Up {
                    self.beat(context);
                }
            }
            Input::Unreadable(reason) => self.hear_unreadable(reason, context),
            Input::ReloadFailed(reason) if self.state == SessionState::Loading => {
                self.recover(ErrorClass::Recoverable, reason, context, effects);
            }
            Input::Status(snapshot) => self.hear_status(&snapshot, context, effects),
            Input::Qr => self.hear_qr(context),
            Input::LoggingOut => {
                let reason = match &self.reason {
                    Some(reason) if self.state == SessionState::LoggedOut => reason.clone(),
                    _ => Reason::new(UNLINKING, "WhatsApp Web is logging out; why shows when it is done"),
                };
                self.login = Login::ToArchive;
                self.enter(SessionState::LoggedOut, Some(reason), Some(context.keepalive.logout_timeout_s), context);
            }
            Input::LoggedOut(code) => {
                let reason = self.logout_reason(code);
                self.lose_login(reason, context, effects);
            }
            Input::Gone(_) if self.state == SessionState::LoggedOut => {
                self.lose_login(self.logout_reason(None), context, effects);
            }
            Input::Gone(reason) => self.crash(reason, context, effects),
            _ => {}
        }
    }

    /// Why it is logged out, now that the logout is over, as far as that is known.
    pub(super) fn logout_reason(&self, code: Option<u8>) -> Reason {
        let is_said = |reason: &&Reason| self.state == SessionState::LoggedOut && reason.code != UNLINKING;
        let known = self.reason.as_ref().filter(is_said);
        match known {
            Some(reason) if reason.code == "logging_out" => {
                return Reason::new("logged_out", "logged out as asked; scan a new QR to link again");
            }
            Some(reason) if code.is_none() => return reason.clone(),
            _ => {}
        }
        match code {
            Some(1) => Reason::new("sync_failed", "WhatsApp Web unlinked itself after a failed sync; scan a new QR"),
            Some(2) => Reason::new(
                "history_sync_timeout",
                "WhatsApp Web unlinked itself: the history took too long; scan a new QR",
            ),
            Some(3) => {
                Reason::new("account_locked", "the account is locked; unlock it on the phone, then scan a new QR")
            }
            Some(_) => Reason::new("logout_fatal", "WhatsApp Web logged out after an error of its own; scan a new QR"),
            None => Reason::new("unlinked", "the phone unlinked this device; scan a new QR to link again"),
        }
    }

    fn hear_qr(&mut self, context: &Context<'_>) {
        // A further code does not make the wait for a person any longer.
        if self.state == SessionState::Loading {
            self.await_scan(context);
        }
    }

    fn await_scan(&mut self, context: &Context<'_>) {
        self.login = Login::NeedsScan;
        self.trouble.forgive();
        let reason = Reason::new("scan_qr", "scan the QR with the phone: Linked devices, Link a device");
        self.enter(SessionState::AwaitingScan, Some(reason), Some(context.keepalive.qr_timeout_s), context);
    }

    fn hear_status(&mut self, snapshot: &Snapshot, context: &Context<'_>, effects: &mut Vec<Effect>) {
        use SessionState::{AwaitingScan, Loading, LoggedOut, Pairing, Ready, Reconnecting, Syncing};
        let scanned = matches!(self.state, AwaitingScan | Pairing);
        match (stage(snapshot), self.state) {
            (_, LoggedOut) => {}
            (Stage::Blocked, _) => {
                let message = "WhatsApp has blocked this account; look at the phone, and start the session when it is allowed again";
                self.recover(ErrorClass::Fatal, Reason::new("banned", message), context, effects);
            }
            (Stage::Deprecated, _) => {
                let message = "WhatsApp no longer takes this version of WhatsApp Web; unpin it or update drover, then start the session";
                self.recover(ErrorClass::Fatal, Reason::new("deprecated_version", message), context, effects);
            }
            (Stage::CanSend, Loading | AwaitingScan | Pairing | Syncing | Reconnecting | Ready) => {
                if self.login == Login::NeedsScan && !scanned {
                    return;
                }
                if self.login == Login::JustLinked || scanned {
                    self.expect_history(context);
                    effects.push(Effect::KeepLogin);
                }
                self.login = Login::MayBe;
                self.note_ready(context);
                self.enter(Ready, None, None, context);
                self.beat(context);
            }
            (Stage::Linked, AwaitingScan) => {
                self.pair(snapshot, context);
                effects.push(Effect::KeepLogin);
            }
            (Stage::Unlinked, AwaitingScan) if snapshot.mode == StreamMode::Syncing => self.pair(snapshot, context),
            (Stage::Linked, Pairing) if snapshot.mode == StreamMode::Syncing => {
                self.state = Syncing;
                effects.push(Effect::KeepLogin);
            }
            (Stage::Linked, Loading) if self.login != Login::NeedsScan => {
                let reason = self.reason.take();
                self.enter(Syncing, reason, None, context);
                self.wait_for_socket(snapshot, context.keepalive.ready_timeout_s, context);
                self.beat(context);
            }
            // One that was just linked is left alone.
            (Stage::Linked, Syncing) if self.login != Login::JustLinked => {
                self.wait_for_socket(snapshot, context.keepalive.ready_timeout_s, context);
            }
            (Stage::Linked, Ready) => {
                self.enter(Reconnecting, Some(lost_now(snapshot)), None, context);
                self.signals.lost = None;
                self.wait_for_socket(snapshot, context.keepalive.socket_grace_s, context);
            }
            (Stage::Linked, Reconnecting) => {
                self.wait_for_socket(snapshot, context.keepalive.socket_grace_s, context);
            }
            (Stage::Idle, Loading | AwaitingScan) => {
                if self.state == Loading {
                    self.await_scan(context);
                }
                effects.push(Effect::RefreshQr);
            }
            (Stage::Idle, Ready | Syncing | Reconnecting) => {
                self.lose_login(self.logout_reason(None), context, effects)
            }
            (Stage::Unlinked, Ready | Syncing | Reconnecting) if snapshot.state == SocketState::Unpaired => {
                self.lose_login(self.logout_reason(None), context, effects);
            }
            _ => {}
        }
    }

    /// The page answers, so it does not hang; but WhatsApp Web went away in it. It may be loading by itself.
    fn hear_unreadable(&mut self, reason: Reason, context: &Context<'_>) {
        let was_there = match self.state {
            SessionState::Ready | SessionState::Reconnecting => true,
            SessionState::Syncing => self.login != Login::JustLinked,
            _ => false,
        };
        if was_there {
            self.enter(SessionState::Loading, Some(reason), Some(context.load_limit_s), context);
        }
        self.beat(context);
    }

    /// A phone scanned: from now on the page is left alone until it is ready, or its own limits have passed.
    fn pair(&mut self, snapshot: &Snapshot, context: &Context<'_>) {
        self.login = Login::JustLinked;
        let state = if snapshot.registered && snapshot.mode == StreamMode::Syncing {
            SessionState::Syncing
        } else {
            SessionState::Pairing
        };
        self.enter(state, None, Some(JUST_LINKED_LIMIT_S), context);
        self.beat(context);
    }
}
