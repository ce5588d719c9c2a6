//! Acceptance: what a backend hands in becomes a committed row, then work for a sender.
//!
//! Invariant: what was answered with an id is a committed row, whatever Redis does; [`Reconciler`] sees to it that Redis
//! learns of every row that waits.

mod accept;
mod acceptance_time;
mod clear;
mod content_rules;
mod dead_letters;
mod inlet;
mod key_limit;
mod reconciler;
pub mod send_fields;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

pub use inlet::Inlet;
pub use reconciler::Reconciler;

use crate::{
    clock::Clock,
    config,
    model::{Content, MessageId, MessageState, OutboundMessage, SessionName, message::Schedule},
    queue::Queue,
    store::{Store, StoreError},
};
use acceptance_time::AcceptanceTime;
use key_limit::KeyLimit;

/// What a backend asks for.
#[derive(Debug, Clone)]
pub struct AcceptRequest {
    /// By whom it is sent.
    pub session: SessionName,
    /// To whom: a chat id or a phone number, in any usual form.
    pub chat: String,
    /// What it says.
    pub content: Content,
    /// When, and before what.
    pub schedule: Schedule,
    /// The rest.
    pub options: AcceptOptions,
}

/// How to take a message over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptOptions {
    /// The same key with the same request answers the same message; 1 to 255 visible ASCII characters.
    pub idempotency_key: Option<String>,
    /// Whether the same content may go to the same chat again at once.
    pub allow_duplicate: bool,
    /// The message's id, bare or in its public form, if the caller chose it. Without an idempotency key it serves as one.
    pub id: Option<String>,
}

/// A message was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// As it stands.
    pub message: OutboundMessage,
    /// Whether it was taken over by an earlier request.
    pub replayed: bool,
}

/// A message was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// No such session.
    #[error("there is no session '{0}'; POST /api/sessions makes one")]
    UnknownSession(SessionName),
    /// A field is wrong.
    #[error("{field}: {message}")]
    InvalidField {
        /// The field's name on the wire.
        field: &'static str,
        /// What is allowed.
        message: String,
    },
    /// The idempotency key, or the id, belongs to another request.
    #[error("this idempotency key (or id) was used for another request; use a new one")]
    IdempotencyConflict,
    /// The same content went to the same chat a short while ago.
    #[error("the same content was sent to this chat less than {window_s} s ago; set allowDuplicate to send it again")]
    DuplicateMessage {
        /// The earlier message.
        earlier: Box<OutboundMessage>,
        /// How long a repetition is refused, in seconds.
        window_s: u64,
    },
    /// The API key handed in too many.
    #[error("this API key handed in too many messages; try again in {} s", retry_after.as_secs().max(1))]
    RateLimited {
        /// When to try again.
        retry_after: Duration,
    },
    /// The database failed. Nothing was taken over, or an idempotency key will show it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AcceptError {
    /// The name for programs, by HTTP and by Redis.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSession(_) => "unknown_session",
            Self::InvalidField { .. } => "invalid_request",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::DuplicateMessage { .. } => "duplicate_message",
            Self::RateLimited { .. } => "rate_limited",
            Self::Store(_) => "unavailable",
        }
    }
}

/// What became of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// Taken back: it will not be sent.
    Cancelled,
    /// Too late; it stands there.
    TooLate(MessageState),
    /// No such message.
    Unknown,
}

/// Takes messages over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    store: Store,
    queue: Queue,
    limits: Arc<RwLock<config::Limits>>,
    clock: Arc<dyn Clock>,
    key_limit: Arc<KeyLimit>,
    accepted: Arc<AcceptanceTime>,
}

impl Outbox {
    /// The outbox over a store and a queue.
    #[must_use]
    pub fn new(store: Store, queue: Queue, limits: config::Limits, clock: Arc<dyn Clock>) -> Self {
        let limits = Arc::new(RwLock::new(limits));
        Self { store, queue, limits, clock, key_limit: Arc::default(), accepted: Arc::default() }
    }

    /// Holds other limits from the next message on.
    pub fn set_limits(&self, limits: config::Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    fn limits(&self) -> config::Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message back, while no attempt at sending it was made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, id: &MessageId) -> Result<CancelOutcome, AcceptError> {
        let messages = self.store.messages();
        let was_cancelled = messages.cancel(id).await?;
        let Some(message) = messages.get(id).await? else { return Ok(CancelOutcome::Unknown) };
        if !was_cancelled {
            return Ok(CancelOutcome::TooLate(message.progress.state));
        }
        // The row decides: a sender that holds it, or finds it in a queue that could not be told, reads the row first.
        if let Err(error) = self.queue.cancel(&message).await {
            tracing::debug!(%id, %error, "a cancelled message stays in the queue until a sender finds it");
        }
        Ok(CancelOutcome::Cancelled)
    }

    /// Whether Redis took it; if not, the reconciler brings it there.
    async fn enqueue(&self, message: &OutboundMessage) -> bool {
        match self.queue.enqueue(message).await {
            Ok(()) => true,
            Err(error) if error.is_redis_gone() => {
                tracing::debug!(id = %message.id, %error, "accepted; Redis learns of it when it is back");
                false
            }
            Err(error) => {
                tracing::warn!(id = %message.id, %error, "accepted; Redis did not take it and learns of it later");
                false
            }
        }
    }
}
