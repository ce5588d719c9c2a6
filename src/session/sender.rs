//! The sender of one session: claims what may go, one at a time, and sees each claim through to its settlement.
//!
//! It never polls: without a page it waits for one, without work for a wake-up or the time that the queue named.
//! Invariant: whatever has an attempt is looked up in the page, by key, before anything else is done about it.

mod delivery;
mod media;
mod typing;

use std::{sync::Arc, time::Duration};

use tracing::{debug, error};

use super::{actor::PageWatch, services::Services};
use crate::{
    model::{Me, SessionName, SessionView},
    page::WhatsAppPage,
    queue::{ClaimAnswer, QueueError},
};

/// After a failure of Redis the queue's waker tells when it is back; this is how long the sender waits for that at most.
const REDIS_PAUSE: Duration = Duration::from_secs(2);

/// Moves one session's messages from the queue to the page.
pub(super) struct Sender {
    pub(super) session: SessionName,
    pub(super) services: Arc<Services>,
    /// The page, while the session is ready.
    pub(super) sendable: PageWatch,
    pub(super) view: tokio::sync::watch::Receiver<SessionView>,
}

impl Sender {
    /// Sends until the senders' shutdown begins; the message in hand is seen through, unless time runs out.
    #[tracing::instrument(name = "sender", skip_all, fields(session.id = %self.session))]
    pub(super) async fn run(mut self) {
        let shutdown = self.services.senders.clone();
        // Nobody else runs this session: what a killed drover claimed need not wait for its lease to end.
        if let Err(failure) = self.services.queue.take_over(&self.session).await {
            error!(error = %failure, "the claims of an earlier run were not taken over; they come back when their leases end");
        }
        let waker = self.services.queue.waker(&self.session);
        loop {
            let woken = waker.notified();
            let Some(page) = self.next_page(&shutdown).await else { return };
            let pause = match self.services.queue.claim(&self.session).await {
                Ok(ClaimAnswer::Claimed(claim)) => {
                    tokio::select! {
                        result = self.deliver(claim, &page) => {
                            if let Err(failure) = result {
                                error!(error = %failure, "a message was not settled; it comes back when its lease ends");
                            }
                        }
                        // Its attempt is committed: the next run looks it up.
                        () = shutdown.hurried() => return,
                    }
                    continue;
                }
                Ok(ClaimAnswer::AskAgain { at_ms, why }) => {
                    debug!(?why, ?at_ms, "nothing to send now");
                    at_ms.map(|at_ms| self.until(at_ms))
                }
                Err(failure) => {
                    error!(error = %failure, "no claim from Redis");
                    Some(REDIS_PAUSE)
                }
            };
            tokio::select! {
                () = woken => {}
                () = async { tokio::time::sleep(pause.unwrap_or_default()).await }, if pause.is_some() => {}
                () = shutdown.begun() => return,
                changed = self.sendable.changed() => if changed.is_err() { return },
            }
        }
    }

    /// The page to send with, as soon as the session is ready; None at the end.
    async fn next_page(&mut self, shutdown: &crate::shutdown::Shutdown) -> Option<Arc<dyn WhatsAppPage>> {
        tokio::select! {
            biased;
            () = shutdown.begun() => None,
            page = self.sendable.wait_for(Option::is_some) => page.ok().and_then(|page| page.clone()),
        }
    }

    fn until(&self, at_ms: i64) -> Duration {
        let left_ms = at_ms.saturating_sub(self.services.clock.now_ms());
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }

    fn me(&self) -> Option<Me> {
        self.view.borrow().me.clone()
    }
}

/// A claim could not be settled.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}
