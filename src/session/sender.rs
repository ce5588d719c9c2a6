//! The sender of one session: claims what may go, one at a time, and sees each claim through to its settlement.
//!
//! It never polls: without a page it waits for one, without work for a wake-up or the time that the queue named. A session that
//! sleeps is woken for a message that may go now.
//! Invariant: whatever has an attempt is looked up in the page, by key, before anything else is done about it.

mod circuit;
mod delivery;
mod media;
mod restriction;
mod sleep;
mod typing;

use std::{sync::Arc, time::Duration};

use tracing::{debug, error, info};

pub(super) use restriction::Refusals;

use super::{
    actor::{PageWatch, Request},
    sends::Sends,
    services::Services,
    usage::Usage,
};
use crate::{
    model::{Me, SessionName, SessionView},
    queue::{Claim, ClaimAnswer, QueueError, Settled, Verdict},
};

/// After a failure of Redis the queue's waker tells when it is back; this is how long the sender waits for that at most.
const REDIS_PAUSE: Duration = Duration::from_secs(2);
/// How long a wait for a time goes on without asking again: the clock by which it was told may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Moves one session's messages from the queue to the page.
pub(super) struct Sender {
    pub(super) session: SessionName,
    pub(super) services: Arc<Services>,
    /// The page, while the session is ready.
    pub(super) sendable: PageWatch,
    pub(super) view: tokio::sync::watch::Receiver<SessionView>,
    pub(super) sends: Sends,
    pub(super) usage: Arc<Usage>,
    /// To the actor, to be woken.
    pub(super) requests: tokio::sync::mpsc::Sender<Request>,
    /// What WhatsApp's server refused since it last took something.
    pub(super) refusals: Refusals,
}

/// What the queue answered with a settlement, if it was asked for the next message.
type Next = Option<ClaimAnswer>;

impl Sender {
    /// Sends until the senders' shutdown begins; the message in hand is seen through, unless time runs out.
    #[tracing::instrument(level = "error", name = "sender", skip_all, fields(session.id = %self.session))]
    pub(super) async fn run(mut self) {
        let shutdown = self.services.senders.clone();
        // Nobody else runs this session: what a killed drover claimed need not wait for its lease to end.
        if let Err(failure) = self.services.queue.take_over(&self.session).await {
            error!(error = %failure, "the claims of an earlier run were not taken over; they come back when their leases end");
        }
        let waker = self.services.queue.waker(&self.session);
        let mut next = None;
        loop {
            let woken = waker.notified();
            if !self.may_send()
                && let Some(ClaimAnswer::Claimed(claim)) = next.take()
            {
                self.give_back(claim).await;
            }
            let Some(page) = self.next_page(&shutdown).await else {
                if let Some(ClaimAnswer::Claimed(claim)) = next {
                    self.give_back(claim).await;
                }
                return;
            };
            let nothing_else = self.usage.send_nothing().await;
            if !self.may_send() {
                continue;
            }
            let answer = match next.take() {
                Some(answer) => Ok(answer),
                None => self.services.queue.claim(&self.session).await,
            };
            let pause = match answer {
                Ok(ClaimAnswer::Claimed(claim)) => {
                    self.usage.touch(self.services.clock.steady_ms());
                    tokio::select! {
                        result = self.deliver(claim, &page) => match result {
                            Ok(answer) => next = answer,
                            Err(failure) => {
                                error!(error = %failure, "a message was not settled; it comes back when its lease ends");
                            }
                        },
                        // Its attempt is committed: the next run looks it up.
                        () = shutdown.hurried() => return,
                    }
                    self.usage.touch(self.services.clock.steady_ms());
                    continue;
                }
                Ok(ClaimAnswer::AskAgain { at_ms, why }) => {
                    debug!(?why, ?at_ms, "nothing to send now");
                    at_ms.map(|at_ms| self.until(at_ms).min(LONGEST_WAIT))
                }
                Err(failure) => {
                    report_no_claim(&failure);
                    Some(REDIS_PAUSE)
                }
            };
            drop(nothing_else);
            tokio::select! {
                () = woken => {}
                () = async { tokio::time::sleep(pause.unwrap_or_default()).await }, if pause.is_some() => {}
                () = shutdown.begun() => return,
                changed = self.sendable.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Whether there is a page to send with, and time.
    fn may_send(&self) -> bool {
        self.sendable.borrow().is_some() && !self.services.senders.has_begun()
    }

    /// Settles a claim, and claims the next message in the same call where one could be sent.
    async fn settle(&self, claim: Claim, verdict: Verdict) -> Result<Next, DeliveryError> {
        let (settlement, next) = if self.may_send() {
            let (settlement, next) = claim.settle_and_claim(verdict).await?;
            (settlement, Some(next))
        } else {
            (claim.settle(verdict).await?, None)
        };
        if settlement.settled == Settled::Lost {
            info!("a lease had ended before the message was settled; its row is the truth");
        }
        if let Some(change) = settlement.circuit
            && let Err(failure) = self.tell_circuit(change).await
        {
            error!(error = %failure, "a change of the circuit was not told");
        }
        Ok(next)
    }

    /// Claimed together with a settlement, for a page that is gone by now.
    async fn give_back(&self, claim: Claim) {
        if let Err(failure) = claim.release().await {
            error!(error = %failure, "a claim was not given back; the message comes back when its lease ends");
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

/// That Redis is gone its link reports, once for all sessions.
fn report_no_claim(failure: &QueueError) {
    if failure.is_redis_gone() {
        debug!(error = %failure, "no claim from Redis");
    } else {
        error!(error = %failure, "no claim from Redis");
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
