//! Putting sessions to sleep, waking them, and holding them asleep.

use std::{sync::Arc, time::Duration};

use tokio::{sync::OwnedMutexGuard, time::timeout};

use super::Registry;
use crate::{
    config,
    model::{Reason, SessionName, SessionState, SessionView, WakeCause},
    session::{
        actor::{AnswerWhen, Handle, Request},
        error::SessionError,
        state_machine::Input,
    },
};

/// How long the message in hand may take before a sleep.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// How long a call waits for a session that it woke; less than a request may take.
const WAKE_LIMIT: Duration = Duration::from_secs(25);

/// A session whose login nobody uses: no browser of it runs, and none is launched until this is dropped. What is asked of it
/// meanwhile (messages too) waits, and is done then.
#[derive(Debug)]
pub struct HeldAsleep {
    _login: OwnedMutexGuard<()>,
}

impl Registry {
    /// Puts other settings of `[memory]` in force: the budget and its shares with the next measurement or start, `wake_every_s` and
    /// `hibernated_is_working` with a session's next change. For whoever takes a changed drover.toml over; may be called at any time.
    pub fn set_memory(&self, settings: config::Memory) {
        self.inner.memory.set(settings);
    }

    /// Puts a session to sleep: waits for the message in hand, closes the browser (`Browser.close`, wait, fsync) and waits for its end.
    /// Everything else stays: messages are taken and queued, and wake it; so does a call that needs its page. One without a
    /// browser (stopped, failed, logged out, asleep) is left as it is.
    ///
    /// # Errors
    /// When there is none of that name; when it is being linked, was linked just now or brings in its first history (it must not be
    /// disturbed then); or when it does not end in time.
    pub async fn hibernate(&self, name: &SessionName, reason: Reason) -> Result<SessionView, SessionError> {
        let handle = self.handle(name)?;
        let sending = timeout(SEND_LIMIT, handle.usage.send_nothing()).await;
        let _nothing_is_sent = sending.map_err(|_| SessionError::TooSlow(name.clone()))?;
        let view = self.ask(&handle, Input::Hibernate(reason), AnswerWhen::Slept).await?;
        if !has_browser(&view) {
            return Ok(view);
        }
        let needed = "it cannot sleep before it is linked and has brought in its history";
        Err(SessionError::WrongState { name: name.clone(), state: view.state, needed })
    }

    /// Wakes a session that sleeps, or was never started; any other is left as it is. Does not wait until it is ready.
    ///
    /// # Errors
    /// When there is none of that name, or drover ends.
    pub async fn wake(&self, name: &SessionName) -> Result<SessionView, SessionError> {
        self.ask(&*self.handle(name)?, Input::Wake(WakeCause::Order), AnswerWhen::AtOnce).await
    }

    /// Puts a session to sleep as [`Self::hibernate`] does, and keeps it so until the guard is dropped: for whoever copies its login.
    /// It does not wake by the drop itself, but for what was asked of it; [`Self::wake`] does that.
    ///
    /// # Errors
    /// As [`Self::hibernate`].
    pub async fn hold_asleep(&self, name: &SessionName, reason: Reason) -> Result<HeldAsleep, SessionError> {
        let held = HeldAsleep { _login: self.handle(name)?.usage.hold_login().await };
        self.hibernate(name, reason).await?;
        Ok(held)
    }

    /// For whoever wants to scan: starts a session that was never started, or sleeps without a login, and waits for its QR.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn rouse_to_scan(&self, name: &SessionName) -> Result<(), SessionError> {
        let handle = self.handle(name)?;
        if handle.view.borrow().me.is_none() {
            self.rouse(&handle, |view| view.state == SessionState::AwaitingScan).await;
        }
        Ok(())
    }

    /// For a call that needs the page: wakes the session if it sleeps, and waits until `is_there` or until it is clear that it will not be.
    pub(super) async fn rouse(&self, handle: &Arc<Handle>, is_there: impl Fn(&SessionView) -> bool) {
        handle.usage.touch(self.inner.services.clock.steady_ms());
        if handle.view.borrow().sleeps() {
            // An error means that drover ends, which the caller sees as well.
            let _ = handle.requests.send(Request::Wake(WakeCause::Call)).await;
        } else if !handle.view.borrow().is_waking() {
            return;
        }
        let mut view = handle.view.clone();
        let settled = view.wait_for(|view| is_there(view) || !view.sleeps() && !view.is_waking());
        // Either way the caller looks again.
        let _ = timeout(WAKE_LIMIT, settled).await;
        handle.usage.touch(self.inner.services.clock.steady_ms());
    }
}

/// A session that waits for its next try has none, and starts none while its login is held.
fn has_browser(view: &SessionView) -> bool {
    use SessionState::{AwaitingScan, Launching, Loading, Pairing, Ready, Syncing};
    matches!(view.state, Launching | Loading | AwaitingScan | Pairing | Syncing | Ready)
}
