//! Whether the account is shown as online. While a companion is, the phone does not notify its owner, so it is not, except around
//! a send and while a client asks for it; a burst of sends shows it once.
//!
//! The sender asks for it before it sends, the actor takes it back. Invariant: one call to the page at a time, and what it was told
//! last is what was wanted last.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};
use tracing::debug;

use crate::{
    config::{Keepalive, PresenceMode},
    page::{PageError, WhatsAppPage},
};

/// A send does not wait longer for it.
const BEFORE_SEND_LIMIT: Duration = Duration::from_secs(2);

/// One session's presence.
pub(super) struct Presence {
    mode: PresenceMode,
    linger: Duration,
    /// What a client asked for last, of the page that there is.
    asked: Mutex<Option<bool>>,
    /// Until when it is wanted for sends.
    wanted_until: Mutex<Option<Instant>>,
    /// What a page was told last.
    shown: AsyncMutex<Option<Shown>>,
    /// The same, for whoever only looks.
    is_online: Mutex<Option<bool>>,
}

struct Shown {
    page: Arc<dyn WhatsAppPage>,
    available: bool,
}

impl Presence {
    pub(super) fn new(settings: &Keepalive) -> Self {
        Self {
            mode: settings.presence,
            linger: Duration::from_secs(settings.presence_linger_s),
            asked: Mutex::default(),
            wanted_until: Mutex::default(),
            shown: AsyncMutex::default(),
            is_online: Mutex::default(),
        }
    }

    /// Shows it, if that is wanted, before a message is sent.
    pub(super) async fn before_send(&self, page: &Arc<dyn WhatsAppPage>) {
        self.keep_up();
        // The message matters more.
        if tokio::time::timeout(BEFORE_SEND_LIMIT, self.apply(page)).await.is_err() {
            debug!("the page did not say in time that it is online");
        }
    }

    /// Shows it, or no longer, because a client wants that: online until the client takes it back, offline but for sends.
    pub(super) async fn ask(&self, page: &Arc<dyn WhatsAppPage>, available: bool) -> Result<(), PageError> {
        let mut shown = self.shown.lock().await;
        *shown = None;
        page.set_available(available).await?;
        *lock(&self.asked) = Some(available);
        *shown = Some(Shown { page: Arc::clone(page), available });
        *lock(&self.is_online) = Some(available);
        Ok(())
    }

    /// It stays for a moment from now on.
    pub(super) fn keep_up(&self) {
        if self.mode == PresenceMode::AroundSends {
            *lock(&self.wanted_until) = Some(Instant::now() + self.linger);
        }
    }

    /// Tells the page what is wanted, unless it was told so.
    pub(super) async fn apply(&self, page: &Arc<dyn WhatsAppPage>) {
        let mut shown = self.shown.lock().await;
        let available = self.is_wanted();
        if shown.as_ref().is_some_and(|shown| Arc::ptr_eq(&shown.page, page) && shown.available == available) {
            return;
        }
        *shown = None;
        match page.set_available(available).await {
            Ok(()) => {
                *shown = Some(Shown { page: Arc::clone(page), available });
                *lock(&self.is_online) = Some(available);
            }
            Err(error) => debug!(%error, available, "the page did not change its presence"),
        }
    }

    /// Tells the page anew: it may have shown itself by itself, as a page that is used does.
    pub(super) async fn assert_again(&self, page: &Arc<dyn WhatsAppPage>) {
        *self.shown.lock().await = None;
        self.apply(page).await;
    }

    /// There is no page any more.
    pub(super) fn forget(&self) {
        *lock(&self.asked) = None;
        *lock(&self.wanted_until) = None;
        *lock(&self.is_online) = None;
        // Whoever holds it tells a page that is gone.
        if let Ok(mut shown) = self.shown.try_lock() {
            *shown = None;
        }
    }

    /// When it is to be taken back; None when nothing has to be.
    pub(super) fn due(&self) -> Option<Instant> {
        *lock(&self.wanted_until)
    }

    /// What the page was told last.
    pub(super) fn is_online(&self) -> Option<bool> {
        *lock(&self.is_online)
    }

    fn is_wanted(&self) -> bool {
        let asked = *lock(&self.asked);
        match self.mode {
            _ if asked == Some(true) => true,
            PresenceMode::Always => asked.is_none(),
            PresenceMode::Never => false,
            PresenceMode::AroundSends => {
                let mut until = lock(&self.wanted_until);
                let is_wanted = until.is_some_and(|until| until > Instant::now());
                if !is_wanted {
                    *until = None;
                }
                is_wanted
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
