//! One webhook's events of one session: one at a time, in order, each until it is taken or given up.
//!
//! Invariants: an event is not sent before all earlier ones of its lane are settled (a dead letter that is tried again is
//! settled already, and passes them); how often one failed is stored before it is tried again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    attempt::{self, Failure, Request},
    circuit::{Change, pause},
    hub::Hub,
    inbox::Inbox,
    reply::{Reply, Taken, taken},
    target::{Target, delivery_id},
};
use crate::{
    event::envelope,
    model::{Alert, Event, Severity},
    outbox::AcceptError,
    store::{Delivery, DeliveryProgress, DeliveryState, LaneKey, StoreError},
};

/// How long a lane rests when the database does not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// One lane; a task of its own.
pub(super) struct Lane {
    pub(super) hub: Arc<Hub>,
    pub(super) key: LaneKey,
    pub(super) target: watch::Receiver<Arc<Target>>,
    pub(super) inbox: Inbox,
    /// What failed and waits, by its event's number. One behind the cursor was revived.
    pub(super) failed: BTreeMap<i64, Delivery>,
    /// Told to finish what is under way and take nothing new.
    pub(super) stop: CancellationToken,
}

/// What a step of a lane led to.
enum Step {
    /// Something was done; there may be more.
    Done,
    /// Nothing is to be done before this time, if there is one.
    Wait(Option<i64>),
    /// A lane that drains has nothing left, or met a failure.
    Drained,
}

impl Lane {
    /// Runs until it is stopped, has drained, or `end` is cancelled: then what is under way is let go.
    #[tracing::instrument(level = "error", name = "webhook", skip_all, fields(session.id = %self.key.session))]
    pub(super) async fn run(mut self, end: CancellationToken) {
        self.inbox.signal.set_revived();
        end.run_until_cancelled(self.work()).await;
    }

    async fn work(&mut self) {
        let stop = self.stop.clone();
        let mut has_failed = false;
        while !stop.is_cancelled() {
            let step = self.step().await;
            let had_failed = std::mem::replace(&mut has_failed, step.is_err());
            match step {
                Ok(Step::Done) => {}
                Ok(Step::Drained) => {
                    if let Err(error) = self.hub.store.webhooks().remove(&self.key).await {
                        tracing::warn!(%error, "a lane of a deleted session was left");
                    }
                    return;
                }
                Ok(Step::Wait(due_ms)) => {
                    if stop.run_until_cancelled(self.wait(due_ms)).await != Some(true) {
                        return;
                    }
                }
                Err(error) => {
                    if !had_failed {
                        tracing::warn!(%error, "webhooks wait for the database");
                    }
                    stop.run_until_cancelled(tokio::time::sleep(STORE_PAUSE)).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Step, StoreError> {
        let target = Arc::clone(&self.target.borrow_and_update());
        if self.inbox.signal.take_revived()
            && let Err(error) = self.load_failed().await
        {
            self.inbox.signal.set_revived();
            return Err(error);
        }
        let now_ms = self.hub.clock.now_ms();
        let cursor = self.inbox.cursor();
        let head = self.inbox.next(&target).await?;
        let revived = self.failed.range(..=cursor).map(|(_, delivery)| delivery);
        let due_ms = |delivery: &Delivery| {
            let progress = &delivery.progress;
            target.settings.retries.due_ms(progress.attempts, progress.due_at_ms, now_ms)
        };
        let revived = revived.min_by_key(|delivery| due_ms(delivery)).cloned();
        let head = head.map(|event| match self.failed.get(&event.seq) {
            Some(delivery) => delivery.clone(),
            None => self.first_try(&event),
        });
        let candidates = [revived, head];
        let first_ms = candidates.iter().flatten().map(due_ms).min();
        let due = candidates.into_iter().flatten().find(|delivery| due_ms(delivery) <= now_ms);
        match due {
            Some(delivery) => self.deliver(delivery, &target).await,
            None if self.inbox.signal.is_draining() => Ok(Step::Drained),
            None => Ok(Step::Wait(first_ms)),
        }
    }

    async fn load_failed(&mut self) -> Result<(), StoreError> {
        let waiting = self.hub.store.deliveries().waiting(&self.key).await?;
        self.failed = waiting.into_iter().map(|delivery| (delivery.event.seq, delivery)).collect();
        Ok(())
    }

    fn first_try(&self, event: &Event) -> Delivery {
        Delivery {
            id: delivery_id(&self.key.webhook, &self.key.session, event.seq),
            lane: self.key.clone(),
            event: event.clone(),
            progress: DeliveryProgress {
                state: DeliveryState::Waiting,
                attempts: 0,
                due_at_ms: 0,
                failure: None,
                updated_at_ms: event.at_ms,
            },
        }
    }

    /// Waits for a time, for something new, or for another target; false when the lane is over.
    async fn wait(&mut self, due_ms: Option<i64>) -> bool {
        let left_ms = due_ms.map_or(i64::MAX, |due_ms| due_ms - self.hub.clock.now_ms());
        tokio::select! {
            () = tokio::time::sleep(pause(left_ms)), if due_ms.is_some() => true,
            is_fed = self.inbox.changed() => is_fed,
            changed = self.target.changed() => changed.is_ok(),
        }
    }

    async fn deliver(&mut self, delivery: Delivery, target: &Target) -> Result<Step, StoreError> {
        let hub = Arc::clone(&self.hub);
        let circuit = hub.circuit(target);
        let host = hub.host(target);
        let may_go = async {
            let pass = circuit.pass().await;
            let place = host.acquire().await.expect("it is never closed");
            (pass, place)
        };
        let (pass, place) = tokio::select! {
            granted = may_go => granted,
            // Another target, another circuit. Neither loses anything: the event is taken up again.
            _ = self.target.changed() => return Ok(Step::Done),
            () = self.stop.cancelled() => return Ok(Step::Done),
        };
        if pass.is_stale() {
            return Ok(Step::Done);
        }
        let facts = hub.facts(&self.key.session).await?;
        let body = serde_json::json!(envelope(&delivery.event, &facts, &hub.environment));
        let now_ms = hub.clock.now_ms();
        if delivery.progress.attempts == 0 {
            let lag_ms = u64::try_from(now_ms - delivery.event.at_ms).unwrap_or(0);
            metrics::histogram!("drover_webhook_lag_seconds").record(Duration::from_millis(lag_ms));
        }
        let request = Request { settings: &target.settings, id: &delivery.id, now_ms, body };
        let sent = attempt::send(&hub.client, request, hub.limits).await;
        // A reply may have to wait, and others shall not wait with it.
        drop(place);
        match sent {
            Ok(reply) => {
                self.note(pass.succeeded(), target).await;
                self.taken(delivery, reply).await
            }
            Err(failure) => {
                self.note(pass.failed(), target).await;
                self.not_taken(delivery, failure, target).await
            }
        }
    }

    async fn taken(
        &mut self,
        mut delivery: Delivery,
        reply: Option<Result<Reply, String>>,
    ) -> Result<Step, StoreError> {
        if let Some(reply) = reply {
            match self.hand_in(&delivery, reply).await {
                Some(Ok(())) => self.count_reply("queued"),
                Some(Err(why)) => {
                    self.count_reply("refused");
                    tracing::warn!(delivery = %delivery.id, "a webhook's reply was refused");
                    delivery.progress.attempts += 1;
                    return self.give_up(delivery, Failure::new("reply_refused", why)).await;
                }
                // Told to stop: the event is delivered again, and its reply taken then.
                None => return Ok(Step::Done),
            }
        }
        let seq = delivery.event.seq;
        if self.failed.remove(&seq).is_some() {
            // A row that stays is delivered once more after the next start, under the same id.
            if let Err(error) = self.hub.store.deliveries().settle(&delivery).await {
                tracing::warn!(%error, "that a webhook took an event was not stored");
            }
        }
        self.hub.cursors.note(&self.key, seq);
        self.inbox.settled(seq);
        self.count("delivered");
        Ok(Step::Done)
    }

    async fn not_taken(
        &mut self,
        mut delivery: Delivery,
        failure: Failure,
        target: &Target,
    ) -> Result<Step, StoreError> {
        self.count("failed");
        let progress = &mut delivery.progress;
        progress.attempts = progress.attempts.saturating_add(1);
        let Some(pause_ms) = target.settings.retries.pause_after(progress.attempts) else {
            return self.give_up(delivery, failure).await;
        };
        progress.updated_at_ms = self.hub.clock.now_ms();
        progress.due_at_ms = progress.updated_at_ms.saturating_add(pause_ms);
        tracing::debug!(
            delivery = %delivery.id, attempts = progress.attempts, code = failure.code,
            "a webhook did not take an event"
        );
        progress.failure = Some((failure.code, failure.message));
        let kept = self.hub.store.deliveries().keep(&delivery).await;
        self.failed.insert(delivery.event.seq, delivery);
        kept?;
        Ok(if self.inbox.signal.is_draining() { Step::Drained } else { Step::Done })
    }

    /// Puts it among the dead letters; the lane goes on.
    async fn give_up(&mut self, mut delivery: Delivery, failure: Failure) -> Result<Step, StoreError> {
        let seq = delivery.event.seq;
        let progress = &mut delivery.progress;
        progress.updated_at_ms = self.hub.clock.now_ms();
        tracing::warn!(
            delivery = %delivery.id, attempts = progress.attempts, code = failure.code,
            "a webhook's event was put among the dead letters: see GET /api/webhooks/dead"
        );
        progress.failure = Some((failure.code, failure.message));
        progress.state = DeliveryState::Dead;
        if let Err(error) = self.hub.store.deliveries().keep(&delivery).await {
            // Not before it is among the dead letters: it is tried once more, and given up then.
            delivery.progress.state = DeliveryState::Waiting;
            delivery.progress.attempts = delivery.progress.attempts.saturating_sub(1);
            self.failed.insert(seq, delivery);
            return Err(error);
        }
        self.failed.remove(&seq);
        self.inbox.settled(seq);
        self.count("dead");
        Ok(if self.inbox.signal.is_draining() { Step::Drained } else { Step::Done })
    }

    /// Hands a reply in until the outbox says yes or no; None when the lane is told to stop before.
    async fn hand_in(&self, delivery: &Delivery, reply: Result<Reply, String>) -> Option<Result<(), String>> {
        let request = match reply.and_then(|reply| reply.request(&delivery.event, &delivery.id)) {
            Ok(request) => request,
            Err(why) => return Some(Err(why)),
        };
        loop {
            let error = match self.hub.outbox.accept(request.clone(), &self.key.webhook).await {
                Ok(_) => return Some(Ok(())),
                Err(error) => error,
            };
            match taken(&error) {
                Taken::Queued => return Some(Ok(())),
                Taken::Refused => return Some(Err(format!("reply.{error}"))),
                Taken::NotYet => {}
            }
            let wait = match error {
                AcceptError::RateLimited { retry_after } => retry_after,
                _ => STORE_PAUSE,
            };
            self.stop.run_until_cancelled(tokio::time::sleep(wait)).await?;
        }
    }

    /// Tells a person, once for each time that nobody goes there any more, and once when it is over.
    async fn note(&self, change: Change, target: &Target) {
        let code = format!("webhook_unreachable:{}", target.id);
        let origin = target.origin();
        let alert = match change {
            Change::None => return,
            Change::Opened => Alert::raised(
                &code,
                Severity::Warning,
                format!("the webhook at {origin} does not take events; they wait: see GET /api/webhooks"),
            ),
            Change::Closed => Alert::resolved(&code, format!("the webhook at {origin} takes events again")),
        };
        let alert = alert.with("origin", origin);
        if let Err(error) = self.hub.events.alert(&self.key.session, alert).await {
            tracing::warn!(%error, "an alert about a webhook was not stored");
        }
    }

    fn count(&self, outcome: &'static str) {
        let session = self.key.session.to_string();
        metrics::counter!("drover_webhook_deliveries_total", "session" => session, "outcome" => outcome).increment(1);
    }

    fn count_reply(&self, outcome: &'static str) {
        let session = self.key.session.to_string();
        metrics::counter!("drover_webhook_replies_total", "session" => session, "outcome" => outcome).increment(1);
    }
}
