//! A message on its way out: what it says, where it stands, and what was tried.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChatId, Content, MessageId, MessageKey, SessionName};

/// How urgent a message is; the order within a chat wins over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before everything else.
    High,
    /// The usual.
    #[default]
    Normal,
    /// When nothing else waits.
    Low,
}

impl Priority {
    /// As text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// A committed row; Redis does not know of it yet.
    Accepted,
    /// In the session's queue.
    Queued,
    /// A sender holds it.
    Claimed,
    /// An attempt is committed; the page was, or is about to be, told.
    Sending,
    /// WhatsApp's server has it (ack 1).
    Sent,
    /// A device of the recipient has it (ack 2).
    Delivered,
    /// Read or played (ack 3, 4).
    Read,
    /// Given up, with a code.
    Dead,
    /// Taken back before a sender claimed it.
    Cancelled,
    /// Its `expiresAt` passed before it was sent.
    Expired,
}

impl MessageState {
    /// All of them, for tests and tables.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Queued,
        Self::Claimed,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Dead,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more is to be done to send it.
    #[must_use]
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Accepted | Self::Queued | Self::Claimed | Self::Sending)
    }

    /// The state that an acknowledgement means.
    #[must_use]
    pub fn from_ack(ack: Ack) -> Option<Self> {
        match ack.0 {
            1 => Some(Self::Sent),
            2 => Some(Self::Delivered),
            3.. => Some(Self::Read),
            _ => None,
        }
    }
}

impl FromStr for MessageState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no state of a message"))
    }
}

/// WhatsApp's acknowledgement: -1 error, 0 pending, 1 server, 2 device, 3 read, 4 played (`WAWebAck`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = 1, minimum = -1, maximum = 4)]
pub struct Ack(pub i8);

impl Ack {
    /// Nothing heard yet.
    pub const PENDING: Self = Self(0);
    /// WhatsApp's server has it: from here on it is "sent".
    pub const SERVER: Self = Self(1);

    /// WAHA's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            ..=-1 => "ERROR",
            0 => "PENDING",
            1 => "SERVER",
            2 => "DEVICE",
            3 => "READ",
            4.. => "PLAYED",
        }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// Acknowledged by the server.
    Sent,
    /// Refused for good.
    Rejected,
    /// Certainly not sent; may be tried again.
    Failed,
    /// Nobody can say yet; it is looked up by key before anything else.
    Unknown,
}

/// One try at sending. Committed, with its key, before the page is told to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// The full key under which the page was told to send.
    pub key: MessageKey,
    /// None while it is under way, or was when the process died.
    pub outcome: Option<AttemptOutcome>,
    /// What happened, for people.
    pub detail: Option<String>,
}

/// Why a message was given up. The names are the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadCode {
    /// The number has no WhatsApp.
    NotOnWhatsapp,
    /// The media is not what it should be.
    InvalidMedia,
    /// The media could not be fetched.
    MediaUnreachable,
    /// The recipient blocks this number.
    Blocked,
    /// WhatsApp's server refused it.
    Refused,
    /// Its time passed.
    Expired,
    /// WhatsApp knows no message that it answers, forwards or changes, or does not allow that any more.
    UnknownMessage,
    /// Every attempt failed.
    AttemptsSpent,
    /// Its fate is unknown and `queue.unknown = hold`.
    Unconfirmed,
    /// Its session was deleted.
    SessionDeleted,
}

impl DeadCode {
    /// The name in the API and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotOnWhatsapp => "not_on_whatsapp",
            Self::InvalidMedia => "invalid_media",
            Self::MediaUnreachable => "media_unreachable",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::UnknownMessage => "unknown_message",
            Self::AttemptsSpent => "attempts_spent",
            Self::Unconfirmed => "unconfirmed",
            Self::SessionDeleted => "session_deleted",
        }
    }
}

/// A message as the store holds it: the truth about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundMessage {
    /// The bare id, final at acceptance.
    pub id: MessageId,
    /// The session that sends it.
    pub session: SessionName,
    /// The chat as it was asked for, normalised; the page may know it by a LID.
    pub chat: ChatId,
    /// What it says.
    pub content: Content,
    /// When it may go.
    pub schedule: Schedule,
    /// Where it stands.
    pub progress: Progress,
    /// Unix time in milliseconds of its acceptance.
    pub created_at_ms: i64,
}

/// When a message may go, and before what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Its urgency.
    pub priority: Priority,
    /// Not before this (Unix milliseconds).
    pub send_at_ms: Option<i64>,
    /// Not after this (Unix milliseconds).
    pub expires_at_ms: Option<i64>,
}

/// Where a message stands, with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: MessageState,
    /// The highest acknowledgement seen.
    pub ack: Ack,
    /// The page's full key, once one was attempted.
    pub key: Option<MessageKey>,
    /// Why it was given up: the code and a sentence.
    pub error: Option<(DeadCode, String)>,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
    /// How many of them do not count any more: they were made before it was last taken back from the dead letters.
    pub attempts_forgiven: u32,
}

impl Progress {
    /// A message that was just accepted.
    #[must_use]
    pub fn accepted() -> Self {
        Self {
            state: MessageState::Accepted,
            ack: Ack::PENDING,
            key: None,
            error: None,
            attempts: Vec::new(),
            attempts_forgiven: 0,
        }
    }

    /// The attempts that count against how often a message is tried.
    #[must_use]
    pub fn counted_attempts(&self) -> &[Attempt] {
        let forgiven = usize::try_from(self.attempts_forgiven).unwrap_or(usize::MAX);
        self.attempts.get(forgiven..).unwrap_or_default()
    }
}
