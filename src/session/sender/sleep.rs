//! Without a page: a session that sleeps is woken when a message may go.

use std::{sync::Arc, time::Duration};

use tracing::info;

use super::{REDIS_PAUSE, Sender, report_no_claim};
use crate::{model::WakeCause, page::WhatsAppPage, queue::ClaimAnswer, session::actor::Request, shutdown::Shutdown};

/// Whether a message may go now.
enum Due {
    Now,
    /// Not before so long, or only after a wake-up.
    Later(Option<Duration>),
}

impl Sender {
    /// The page to send with, as soon as the session is ready; None at the end. Wakes a session that sleeps when a message is due.
    pub(super) async fn next_page(&mut self, shutdown: &Shutdown) -> Option<Arc<dyn WhatsAppPage>> {
        let waker = self.services.queue.waker(&self.session);
        loop {
            let woken = waker.notified();
            if shutdown.has_begun() {
                return None;
            }
            if let Some(page) = self.sendable.borrow_and_update().clone() {
                return Some(page);
            }
            let sleeps = self.view.borrow_and_update().sleeps();
            let mut pause = None;
            if sleeps {
                match self.look_for_due().await {
                    Due::Now => self.wake().await,
                    Due::Later(after) => pause = after,
                }
            }
            tokio::select! {
                biased;
                () = shutdown.begun() => return None,
                changed = self.sendable.changed() => changed.ok()?,
                changed = self.view.changed() => changed.ok()?,
                () = woken, if sleeps => {}
                () = async { tokio::time::sleep(pause.unwrap_or_default()).await }, if pause.is_some() => {}
            }
        }
    }

    /// What may go is found by claiming it; it goes back as if it had never been claimed.
    async fn look_for_due(&self) -> Due {
        match self.services.queue.claim(&self.session).await {
            Ok(ClaimAnswer::Claimed(claim)) => {
                self.give_back(claim).await;
                Due::Now
            }
            Ok(ClaimAnswer::AskAgain { at_ms, .. }) => Due::Later(at_ms.map(|at_ms| self.until(at_ms))),
            Err(failure) => {
                report_no_claim(&failure);
                Due::Later(Some(REDIS_PAUSE))
            }
        }
    }

    async fn wake(&self) {
        info!("a message is due: the session is woken");
        // An error means that the actor has ended; then nobody sends any more.
        let _ = self.requests.send(Request::Wake(WakeCause::Message)).await;
    }
}
