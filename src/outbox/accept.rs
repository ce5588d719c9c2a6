//! Validation, and the way from a request to a committed row.

use sha2::{Digest, Sha256};

use super::{
    AcceptError, AcceptOptions, AcceptRequest, Accepted, Outbox,
    content_rules::{self, wrong},
};
use crate::{
    model::{ChatId, MessageId, MessageState, OutboundMessage, message::Progress, message::Schedule},
    store::{Inserted, NewMessage},
};

const IDEMPOTENCY_KEY_CHARACTERS: usize = 255;

impl Outbox {
    /// Takes a message over: validated, its id chosen, its row committed, queued. With Redis down it is taken over all the
    /// same, as `accepted`, and queued when Redis is back; the API key's limit is held by this node alone then. `by` is the id
    /// of the API key.
    ///
    /// # Errors
    /// When it is not taken over.
    pub async fn accept(&self, request: AcceptRequest, by: &str) -> Result<Accepted, AcceptError> {
        self.accepted.begin(&self.store).await?;
        let new = self.validated(request, by)?;
        self.hold_key_limit(by).await?;
        self.take_over(new).await
    }

    /// The same for whoever needs no API key, and so has none whose limit could be held.
    pub(super) async fn accept_unlimited(&self, request: AcceptRequest, by: &str) -> Result<Accepted, AcceptError> {
        self.accepted.begin(&self.store).await?;
        self.take_over(self.validated(request, by)?).await
    }

    async fn take_over(&self, new: NewMessage) -> Result<Accepted, AcceptError> {
        match self.store.messages().insert(&new).await? {
            Inserted::New(message) => {
                let message = self.dispatch(message).await?;
                Ok(Accepted { message, replayed: false })
            }
            Inserted::Replay(message) => Ok(Accepted { message, replayed: true }),
            Inserted::Conflict => Err(AcceptError::IdempotencyConflict),
            Inserted::Duplicate(earlier) => Err(AcceptError::DuplicateMessage {
                earlier: Box::new(earlier),
                window_s: self.limits().duplicate_window_s,
            }),
            Inserted::UnknownSession => Err(AcceptError::UnknownSession(new.message.session)),
        }
    }

    fn validated(&self, request: AcceptRequest, by: &str) -> Result<NewMessage, AcceptError> {
        let now_ms = self.clock.now_ms();
        let AcceptRequest { session, chat, content, schedule, options } = request;
        let chat = chat.parse::<ChatId>().map_err(|invalid| wrong("chatId", invalid.0))?;
        content_rules::validate(&content)?;
        validate_schedule(&schedule, now_ms)?;
        let AcceptOptions { idempotency_key, allow_duplicate, id } = options;
        validate_idempotency_key(idempotency_key.as_deref())?;
        let id = match id {
            Some(text) => MessageId::from_any_form(&text).map_err(|invalid| wrong("id", invalid.0))?,
            None => MessageId::choose(),
        };
        // The row says `queued` from the start if all goes as it should: that saves a commit for each.
        let state = if self.queue.is_up() { MessageState::Queued } else { MessageState::Accepted };
        let progress = Progress { state, ..Progress::accepted() };
        let is_action = content.is_action();
        let created_at_ms = self.accepted.next(now_ms);
        let message = OutboundMessage { id, session, chat, content, schedule, progress, created_at_ms };
        let window_ms = i64::try_from(self.limits().duplicate_window_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        Ok(NewMessage {
            fingerprint: fingerprint(&message),
            message,
            accepted_by: by.to_owned(),
            idempotency_key,
            // A reaction, an edit, a receipt: twice the same is once.
            duplicate_since_ms: (window_ms > 0 && !allow_duplicate && !is_action)
                .then(|| created_at_ms.saturating_sub(window_ms)),
        })
    }

    async fn hold_key_limit(&self, by: &str) -> Result<(), AcceptError> {
        let per_minute = self.limits().per_key_per_minute;
        if per_minute == 0 {
            return Ok(());
        }
        let now_ms = self.clock.steady_ms();
        let waits = match self.queue.admit(by, per_minute).await {
            Ok(None) => {
                self.key_limit.count(by, now_ms);
                None
            }
            Ok(Some(retry_after)) => Some(retry_after),
            Err(error) => {
                tracing::debug!(%error, "while Redis is down this node alone holds the limit of an API key");
                self.key_limit.admit(by, per_minute, now_ms)
            }
        };
        waits.map_or(Ok(()), |retry_after| Err(AcceptError::RateLimited { retry_after }))
    }

    /// Tells Redis of a row that says `queued`, and takes that back where it did not work.
    async fn dispatch(&self, mut message: OutboundMessage) -> Result<OutboundMessage, AcceptError> {
        if !self.enqueue(&message).await {
            self.store.messages().mark_unqueued(&message.id).await?;
            message.progress.state = MessageState::Accepted;
        } else if message.progress.state == MessageState::Accepted {
            self.store.messages().mark_queued(&message.id).await?;
            message.progress.state = MessageState::Queued;
        }
        Ok(message)
    }
}

fn validate_schedule(schedule: &Schedule, now_ms: i64) -> Result<(), AcceptError> {
    match schedule.expires_at_ms {
        Some(expires_at_ms) if expires_at_ms <= now_ms => Err(wrong("expiresAt", "it has passed already")),
        Some(expires_at_ms) if schedule.send_at_ms.is_some_and(|send_at_ms| send_at_ms >= expires_at_ms) => {
            Err(wrong("expiresAt", "it must be after sendAt"))
        }
        _ => Ok(()),
    }
}

fn validate_idempotency_key(key: Option<&str>) -> Result<(), AcceptError> {
    let is_allowed = |key: &str| {
        (1..=IDEMPOTENCY_KEY_CHARACTERS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if key.is_none_or(is_allowed) {
        Ok(())
    } else {
        Err(wrong("Idempotency-Key", "it has 1 to 255 visible ASCII characters"))
    }
}

/// What was asked for, normalised, so that the same request in another spelling is the same.
fn fingerprint(message: &OutboundMessage) -> String {
    let asked = serde_json::json!([
        message.session,
        message.chat,
        message.content,
        message.schedule.priority,
        message.schedule.send_at_ms,
        message.schedule.expires_at_ms,
    ]);
    Sha256::digest(asked.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}
