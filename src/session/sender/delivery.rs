//! One message, from its claim to its settlement: walk one of ARCHITECTURE.md.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, histogram};
use rand::RngExt;
use tracing::{Instrument, error_span, field::Empty, info, warn};

use super::{
    DeliveryError, Next, Sender,
    media::{self, Fetched},
};
use crate::{
    config::Unknown,
    model::{Ack, AttemptOutcome, Content, DeadCode, EventKind, MessageKey, NewEvent, OutboundMessage, Reason},
    page::{Found, PageError, SendOutcome, SendRequest, WhatsAppPage},
    queue::{Claim, Settled, Verdict},
    session::payload,
    store::CheckedNumber,
};

/// What is to be done with a message that has a row to send.
enum Plan {
    /// Tell the page to send, under this key.
    Send(MessageKey),
    /// It is in the page at ack 0: tell the page to send that again.
    Resend(MessageKey),
    /// The server has it already.
    Done(Ack),
    /// Give it up.
    Bury(DeadCode, String),
    /// The page cannot say now; later.
    Wait(PageError),
}

impl Sender {
    /// Sees a claim through. With the settlement the next message is claimed, if it may be sent at once.
    pub(super) async fn deliver(&mut self, claim: Claim, page: &Arc<dyn WhatsAppPage>) -> Result<Next, DeliveryError> {
        let store = &self.services.store;
        let Some(message) = store.messages().get(&claim.id).await? else {
            self.sends.over(&claim.id).await;
            return self.settle(claim, Verdict::Void).await;
        };
        if message.progress.state.is_settled() {
            self.sends.over(&claim.id).await;
            return self.settle(claim, Verdict::Void).await;
        }
        if self.has_expired(&message) && store.messages().expire(&message.id).await? {
            self.tell_dead(&message, DeadCode::Expired, "its expiresAt passed before it could be sent").await?;
            return self.settle(claim, Verdict::Void).await;
        }
        match self.plan(&message, page).await {
            Plan::Done(ack) => {
                self.sends.over(&message.id).await;
                self.close_open_attempts(&message, ack).await?;
                self.record_sent(&message, ack).await?;
                self.settle(claim, Verdict::Ack).await
            }
            Plan::Bury(code, detail) => {
                self.sends.over(&message.id).await;
                self.bury(&message, code, &detail).await?;
                self.settle(claim, Verdict::Bury).await
            }
            Plan::Wait(error) => {
                info!(id = %message.id, %error, "the page cannot take a message now; it goes back");
                match claim.release().await? {
                    Settled::Done => self.wait_for_another_page(page).await,
                    Settled::Lost => {}
                }
                Ok(None)
            }
            Plan::Send(key) => self.attempt(claim, message, key, false, page).await,
            Plan::Resend(key) => self.attempt(claim, message, key, true, page).await,
        }
    }

    fn has_expired(&self, message: &OutboundMessage) -> bool {
        message.schedule.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= self.services.clock.now_ms())
            && message.progress.attempts.is_empty()
    }

    /// Whatever has an attempt is looked up first.
    async fn plan(&self, message: &OutboundMessage, page: &Arc<dyn WhatsAppPage>) -> Plan {
        let mut keys: Vec<MessageKey> = message.progress.attempts.iter().map(|attempt| attempt.key.clone()).collect();
        keys.dedup();
        let Some(last) = keys.last().cloned() else {
            return self.plan_first(message, page).await;
        };
        if message.content.is_action() {
            // The page looks at what it acts on, in the same call.
            return if self.attempts_are_spent(message) { self.spent(message) } else { Plan::Send(last) };
        }
        match page.look_up(&keys).await {
            Err(error) => Plan::Wait(error),
            Ok(None) if self.attempts_are_spent(message) => self.spent(message),
            Ok(None) if certainly_not_sent(message) => self.plan_first(message, page).await,
            Ok(None) => Plan::Send(last),
            Ok(Some(found)) if found.ack >= Ack::SERVER => Plan::Done(found.ack),
            Ok(Some(found)) => self.plan_at_ack_0(message, &found),
        }
    }

    /// WhatsApp is asked for a new number at most once a day.
    async fn plan_first(&self, message: &OutboundMessage, page: &Arc<dyn WhatsAppPage>) -> Plan {
        let nobody = || Plan::Bury(DeadCode::NotOnWhatsapp, format!("{} has no WhatsApp", message.chat));
        let known = self.services.known_number(&message.chat).await;
        if matches!(&known, Some(CheckedNumber { chat: None, .. })) {
            return nobody();
        }
        let known_as = known.and_then(|known| known.chat);
        match page.prepare(&message.chat, &message.id, known_as.as_ref()).await {
            Ok(prepared) => {
                if let Some(checked) = &prepared.checked {
                    self.services.note_number(&message.chat, checked.chat.clone()).await;
                }
                if prepared.on_whatsapp { Plan::Send(prepared.key) } else { nobody() }
            }
            Err(error) => Plan::Wait(error),
        }
    }

    fn plan_at_ack_0(&self, message: &OutboundMessage, found: &Found) -> Plan {
        if self.attempts_are_spent(message) {
            return self.spent(message);
        }
        match self.services.settings.queue.unknown {
            Unknown::Hold if !found.is_send_failure => Plan::Bury(
                DeadCode::Unconfirmed,
                "WhatsApp did not acknowledge it, and queue.unknown is hold: look at the phone before sending it again"
                    .to_owned(),
            ),
            Unknown::Hold | Unknown::Resend => Plan::Resend(found.key.clone()),
        }
    }

    /// An attempt that a crash cut off says nothing about the message, and is not counted; but one that is there at every
    /// crash is given up at last.
    fn attempts_are_spent(&self, message: &OutboundMessage) -> bool {
        const CUT_OFF_FACTOR: usize = 4;
        let allowed = usize::try_from(self.services.settings.queue.attempts).unwrap_or(usize::MAX);
        let attempts = message.progress.counted_attempts();
        let ended = attempts.iter().filter(|attempt| attempt.outcome.is_some()).count();
        ended >= allowed || attempts.len() >= allowed.saturating_mul(CUT_OFF_FACTOR)
    }

    fn spent(&self, message: &OutboundMessage) -> Plan {
        let counted = message.progress.counted_attempts();
        let last = counted.last();
        let detail = last.and_then(|attempt| attempt.detail.clone()).unwrap_or_default();
        let code = match last.and_then(|attempt| attempt.outcome) {
            Some(AttemptOutcome::Rejected) => DeadCode::Refused,
            Some(AttemptOutcome::Failed) => DeadCode::AttemptsSpent,
            Some(AttemptOutcome::Sent | AttemptOutcome::Unknown) | None => DeadCode::Unconfirmed,
        };
        Plan::Bury(code, format!("{} attempts: {detail}", counted.len()))
    }

    /// Commits the attempt, tells the page, and acts on what came of it.
    async fn attempt(
        &mut self,
        claim: Claim,
        message: OutboundMessage,
        key: MessageKey,
        is_resend: bool,
        page: &Arc<dyn WhatsAppPage>,
    ) -> Result<Next, DeliveryError> {
        let mut file = None;
        if !is_resend {
            file = match self.fetch_file(&message).await {
                Ok(file) => file,
                Err(error) => return self.without_file(claim, &message, &error).await,
            };
            self.type_first(&message, page).await;
        }
        let attempts = self.services.store.attempts();
        let Some(number) = attempts.begin(&message.id, &key, self.services.clock.now_ms()).await? else {
            return self.settle(claim, Verdict::Void).await;
        };
        self.note_wait(&message);
        let began = Instant::now();
        // A span of its own: the sender's lasts as long as its session.
        let span =
            error_span!(parent: None, "send", session.id = %self.session, message.id = %message.id, outcome = Empty);
        let told = self.tell_page(&message, key, file.as_ref(), is_resend, page).instrument(span.clone());
        let outcome = told.await;
        span.record("outcome", self.note_outcome(&outcome, began));
        self.sends.note(&message.id, &outcome).await;
        match outcome {
            SendOutcome::Sent { ack } => {
                attempts.finish(&message.id, number, AttemptOutcome::Sent, None).await?;
                self.record_sent(&message, ack).await?;
                // A receipt goes through where messages do not.
                if !matches!(message.content, Content::Seen) {
                    self.refusals.clear();
                }
                self.settle(claim, Verdict::Ack).await
            }
            SendOutcome::Rejected(reason) => {
                attempts.finish(&message.id, number, AttemptOutcome::Rejected, Some(&reason.message)).await?;
                if let Some(code) = permanent(&reason) {
                    self.bury(&message, code, &reason.message).await?;
                    return self.settle(claim, Verdict::Bury).await;
                }
                self.note_refusal(&message, &reason).await?;
                self.fail(claim, &message, number, &reason, DeadCode::Refused).await
            }
            SendOutcome::Failed(reason) => {
                attempts.finish(&message.id, number, AttemptOutcome::Failed, Some(&reason.message)).await?;
                self.fail(claim, &message, number, &reason, DeadCode::AttemptsSpent).await
            }
            SendOutcome::Unknown(reason) => {
                attempts.finish(&message.id, number, AttemptOutcome::Unknown, Some(&reason.message)).await?;
                self.tell_trouble(&message, &reason.code, &reason.message).await?;
                self.settle(claim, Verdict::Retry { after: self.backoff(counted_number(&message, number)) }).await
            }
        }
    }

    /// How long a message that had no attempt yet could have been sent already.
    fn note_wait(&self, message: &OutboundMessage) {
        if !message.progress.attempts.is_empty() {
            return;
        }
        let since_ms = message.schedule.send_at_ms.unwrap_or(0).max(message.created_at_ms);
        let waited_ms = u64::try_from(self.services.clock.now_ms().saturating_sub(since_ms)).unwrap_or(0);
        let priority = message.schedule.priority.as_str();
        histogram!("drover_send_wait_seconds", "priority" => priority).record(Duration::from_millis(waited_ms));
    }

    fn note_outcome(&self, outcome: &SendOutcome, began: Instant) -> &'static str {
        let outcome = match outcome {
            SendOutcome::Sent { .. } => "sent",
            SendOutcome::Rejected(_) => "rejected",
            SendOutcome::Failed(_) => "failed",
            SendOutcome::Unknown(_) => "unknown",
        };
        histogram!("drover_send_seconds", "outcome" => outcome).record(began.elapsed());
        counter!("drover_sends_total", "session" => self.session.to_string(), "outcome" => outcome).increment(1);
        outcome
    }

    /// Uploads the file, if there is one, and has the page send.
    async fn tell_page(
        &self,
        message: &OutboundMessage,
        key: MessageKey,
        file: Option<&Fetched>,
        is_resend: bool,
        page: &Arc<dyn WhatsAppPage>,
    ) -> SendOutcome {
        let (chat, mut content) = (message.chat.clone(), message.content.clone());
        if let Some(file) = file {
            if let Err(error) = page.upload(&key, &file.to_send).await {
                return media::not_uploaded(&error);
            }
            content = media::content_with(file, &content);
        }
        // Only now, so that no acknowledgement is missed while a large file is on its way.
        self.sends.begin(&message.id, page).await;
        let wait = Duration::from_secs(self.services.settings.queue.send_timeout_s);
        if is_resend {
            return page.resend(&key, wait).await;
        }
        let is_repeat = !certainly_not_sent(message);
        page.send(&SendRequest { key, chat, content, wait, is_repeat }).await
    }

    async fn fail(
        &self,
        claim: Claim,
        message: &OutboundMessage,
        number: u32,
        reason: &Reason,
        code: DeadCode,
    ) -> Result<Next, DeliveryError> {
        let tried = counted_number(message, number);
        if tried >= self.services.settings.queue.attempts {
            self.bury(message, code, &reason.message).await?;
            return self.settle(claim, Verdict::BurySpent).await;
        }
        self.tell_trouble(message, &reason.code, &reason.message).await?;
        self.settle(claim, Verdict::Retry { after: self.backoff(tried) }).await
    }

    /// Doubles from `queue.backoff_s`; up to a fifth is added at random.
    pub(super) fn backoff(&self, number: u32) -> Duration {
        let doubled = self.services.settings.queue.backoff_s.saturating_mul(1 << number.saturating_sub(1).min(16));
        Duration::from_secs(doubled).mul_f64(1.0 + 0.2 * rand::rng().random::<f64>())
    }

    /// An attempt whose end nobody saw: the look-up has told it now.
    async fn close_open_attempts(&self, message: &OutboundMessage, ack: Ack) -> Result<(), DeliveryError> {
        let Some(last) = message.progress.attempts.last() else { return Ok(()) };
        let detail = format!("found in the page at ack {ack}");
        let attempts = self.services.store.attempts();
        attempts.finish(&message.id, last.number, AttemptOutcome::Sent, Some(&detail)).await?;
        Ok(())
    }

    async fn record_sent(&self, message: &OutboundMessage, ack: Ack) -> Result<(), DeliveryError> {
        if let Some(changed) = self.services.store.messages().record_ack(&message.id, ack).await? {
            let me = self.me().map(|me| me.id);
            self.tell(EventKind::MessageAck, payload::ack(&changed, me.as_deref(), ack)).await?;
        }
        Ok(())
    }

    pub(super) async fn bury(
        &self,
        message: &OutboundMessage,
        code: DeadCode,
        detail: &str,
    ) -> Result<(), DeliveryError> {
        warn!(id = %message.id, code = code.as_str(), "a message was given up");
        if self.services.store.messages().bury(&message.id, code, detail).await? {
            counter!("drover_queue_dead_total", "code" => code.as_str()).increment(1);
            self.tell_dead(message, code, detail).await?;
        }
        Ok(())
    }

    async fn tell_dead(&self, message: &OutboundMessage, code: DeadCode, detail: &str) -> Result<(), DeliveryError> {
        self.tell(EventKind::MessageDead, payload::trouble(message, code.as_str(), detail)).await
    }

    pub(super) async fn tell_trouble(
        &self,
        message: &OutboundMessage,
        code: &str,
        detail: &str,
    ) -> Result<(), DeliveryError> {
        self.tell(EventKind::MessageFailed, payload::trouble(message, code, detail)).await
    }

    async fn tell(&self, kind: EventKind, payload: serde_json::Value) -> Result<(), DeliveryError> {
        let session = self.session.clone();
        self.services.events.publish(NewEvent { kind, session, payload }).await?;
        Ok(())
    }

    /// A page that failed to answer is asked again only when the session's state has changed, or after a moment.
    async fn wait_for_another_page(&self, page: &Arc<dyn WhatsAppPage>) {
        const MOMENT: Duration = Duration::from_secs(2);
        let mut sendable = self.sendable.clone();
        let another = sendable.wait_for(|held| held.as_ref().is_none_or(|held| !Arc::ptr_eq(held, page)));
        // Either way the claim loop looks again.
        let _ = tokio::time::timeout(MOMENT, another).await;
    }
}

/// What no further try can mend; the page's words are those of the dead letters.
fn permanent(reason: &Reason) -> Option<DeadCode> {
    const NAMED: [DeadCode; 5] = [
        DeadCode::NotOnWhatsapp,
        DeadCode::InvalidMedia,
        DeadCode::MediaUnreachable,
        DeadCode::Blocked,
        DeadCode::UnknownMessage,
    ];
    match reason.code.as_str() {
        "too_old" | "not_forwardable" => Some(DeadCode::UnknownMessage),
        code => NAMED.into_iter().find(|named| named.as_str() == code),
    }
}

/// An attempt's number among those that count.
fn counted_number(message: &OutboundMessage, number: u32) -> u32 {
    number.saturating_sub(message.progress.attempts_forgiven)
}

/// Then another key does no harm: WhatsApp may know the chat by a LID since the last attempt.
fn certainly_not_sent(message: &OutboundMessage) -> bool {
    message.progress.attempts.iter().all(|attempt| attempt.outcome == Some(AttemptOutcome::Failed))
}
