//! What the page says, and what it means in each state.

use super::{
    Context, Effect, ErrorClass, Input, Login, Machine,
    deadlines::{JUST_LINKED_LIMIT_S, LOGOUT_LIMIT_S},
};
use crate::{
    model::{Reason, SessionState},
    page::{Snapshot, SocketState, StreamMode},
};

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
}

fn stage(snapshot: &Snapshot) -> Stage {
    if snapshot.can_send() {
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
            Input::Heartbeat(snapshot) => {
                self.beat(context);
                self.hear_status(&snapshot, context, effects);
            }
            Input::Status(snapshot) => self.hear_status(&snapshot, context, effects),
            Input::Qr => self.hear_qr(context),
            Input::LoggingOut => {
                let reason = match &self.reason {
                    Some(reason) if self.state == SessionState::LoggedOut => reason.clone(),
                    _ => self.logout_reason(None),
                };
                self.login = Login::ToArchive;
                self.enter(SessionState::LoggedOut, Some(reason), Some(LOGOUT_LIMIT_S), context);
            }
            Input::LoggedOut(code) => {
                let reason = self.logout_reason(code);
                self.lose_login(reason, context, effects);
            }
            Input::Gone(reason) if self.state == SessionState::LoggedOut => self.lose_login(reason, context, effects),
            Input::Gone(reason) => self.recover(ErrorClass::Recoverable, reason, context, effects),
            _ => {}
        }
    }

    fn logout_reason(&self, code: Option<u8>) -> Reason {
        let known = self.reason.as_ref().filter(|_| self.state == SessionState::LoggedOut);
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
        self.attempts = 0;
        let reason = Reason::new("scan_qr", "scan the QR with the phone: Linked devices, Link a device");
        self.enter(SessionState::AwaitingScan, Some(reason), Some(context.keepalive.qr_timeout_s), context);
    }

    fn hear_status(&mut self, snapshot: &Snapshot, context: &Context<'_>, effects: &mut Vec<Effect>) {
        use SessionState::{AwaitingScan, Loading, LoggedOut, Pairing, Ready, Reconnecting, Syncing};
        let scanned = matches!(self.state, AwaitingScan | Pairing);
        match (stage(snapshot), self.state) {
            (_, LoggedOut) => {}
            (Stage::CanSend, Loading | AwaitingScan | Pairing | Syncing | Reconnecting | Ready) => {
                if self.login == Login::NeedsScan && !scanned {
                    return;
                }
                self.login = Login::MayBe;
                self.attempts = 0;
                self.beat(context);
                self.enter(Ready, None, None, context);
            }
            (Stage::Linked, AwaitingScan) => self.pair(snapshot, context),
            (Stage::Unlinked, AwaitingScan) if snapshot.mode == StreamMode::Syncing => self.pair(snapshot, context),
            (Stage::Linked, Pairing) if snapshot.mode == StreamMode::Syncing => self.state = Syncing,
            (Stage::Linked, Loading) if self.login != Login::NeedsScan => {
                self.enter(Syncing, None, Some(context.keepalive.ready_timeout_s), context);
            }
            (Stage::Linked, Ready) => {
                let reason =
                    Reason::new("socket_lost", "the connection to WhatsApp is lost; the page tries to get it back");
                self.enter(Reconnecting, Some(reason), Some(context.keepalive.socket_grace_s), context);
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

    /// A phone scanned: from now on the page is left alone until it is ready, or its own limits have passed.
    fn pair(&mut self, snapshot: &Snapshot, context: &Context<'_>) {
        self.login = Login::JustLinked;
        self.beat(context);
        let state = if snapshot.registered && snapshot.mode == StreamMode::Syncing {
            SessionState::Syncing
        } else {
            SessionState::Pairing
        };
        self.enter(state, None, Some(JUST_LINKED_LIMIT_S), context);
    }
}
