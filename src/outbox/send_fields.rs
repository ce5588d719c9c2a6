//! What every send brings beside its content, as JSON: the same by HTTP and by Redis.

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{AcceptOptions, AcceptRequest};
use crate::model::{Content, Priority, SessionName, message::Schedule};

/// Who sends to whom. Fields that are not asked for are ignored, here and below.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Address {
    /// By whom.
    #[schema(value_type = String, example = "main")]
    pub session: SessionName,
    /// To whom, in any usual form.
    #[serde(rename = "chatId")]
    #[schema(example = "15551234567@c.us")]
    pub chat: String,
}

/// When it may go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct When {
    priority: Option<Priority>,
    /// Not before that. RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    send_at: Option<Timestamp>,
    /// Not after that. RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// How it is taken over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Takeover {
    /// The id that it shall have, such as `GET /api/{session}/new-message-id` gives one.
    id: Option<String>,
    /// Whether the same text may go to the same chat within a short time.
    allow_duplicate: Option<bool>,
}

/// What a text by HTTP has and one by Redis does not have yet; to leave it out silently would send something else.
#[derive(Debug, Deserialize)]
pub struct NotBuilt {
    reply_to: Option<String>,
    mentions: Option<Vec<String>>,
}

impl NotBuilt {
    /// What was asked for of it.
    #[must_use]
    pub fn asked_for(&self) -> Option<&'static str> {
        if self.reply_to.as_ref().is_some_and(|id| !id.is_empty()) {
            return Some("replies; leave reply_to out");
        }
        let has_mentions = self.mentions.as_ref().is_some_and(|mentions| !mentions.is_empty());
        has_mentions.then_some("mentions; leave mentions out")
    }
}

/// The request as the outbox takes it.
#[must_use]
pub fn request(
    address: Address,
    (when, takeover): (When, Takeover),
    idempotency_key: Option<String>,
    content: Content,
) -> AcceptRequest {
    let schedule = Schedule {
        priority: when.priority.unwrap_or_default(),
        send_at_ms: when.send_at.map(Timestamp::as_millisecond),
        expires_at_ms: when.expires_at.map(Timestamp::as_millisecond),
    };
    let options = AcceptOptions {
        idempotency_key,
        allow_duplicate: takeover.allow_duplicate.unwrap_or(false),
        id: takeover.id.filter(|id| !id.is_empty()),
    };
    AcceptRequest { session: address.session, chat: address.chat, content, schedule, options }
}
