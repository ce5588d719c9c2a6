//! What a session's page says, for the document: it is passed on as `session::payload` writes it.

use utoipa::ToSchema;

use crate::model::Ack;

/// A message of a chat: WAHA's `WAMessage`.
#[derive(ToSchema)]
#[schema(as = ChatMessage, rename_all = "camelCase", example = json!({
    "id": "false_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9", "timestamp": 1_795_000_000, "from": "15551234567@c.us",
    "fromMe": false, "source": "app", "to": "4915112345678@c.us", "participant": "", "author": null,
    "body": "see you at ten", "hasMedia": false, "mediaUrl": "", "ack": 1, "ackName": "SERVER",
    "_data": { "type": "chat", "notifyName": "Ana" },
}))]
#[expect(dead_code, reason = "described here, written by session::payload")]
pub(super) struct ChatMessage {
    /// Of what was handed in, the id that was answered.
    id: String,
    /// Unix time in seconds.
    timestamp: i64,
    from: String,
    from_me: bool,
    /// `api` for what was handed in.
    #[schema(example = "app")]
    source: String,
    to: String,
    /// Who wrote in a group; else empty.
    participant: String,
    author: Option<String>,
    body: String,
    has_media: bool,
    /// Empty when there is no file, or it was not kept.
    media_url: String,
    media: Option<ReceivedMedia>,
    ack: Ack,
    #[schema(example = "SERVER")]
    ack_name: String,
    /// `latitude` and `longitude` as text, `description`, `live`.
    #[schema(value_type = Option<Object>)]
    location: (),
    #[schema(rename = "vCards")]
    v_cards: Option<Vec<String>>,
    /// What it answers: `id`, `participant`, `body`, `hasMedia`.
    #[schema(value_type = Option<Object>)]
    reply_to: (),
    mentioned_ids: Option<Vec<String>>,
    /// `name` and `options`.
    #[schema(value_type = Option<Object>)]
    poll: (),
    is_forwarded: Option<bool>,
    /// `type` and `notifyName`, as the page has them.
    #[schema(rename = "_data", value_type = Object)]
    data: (),
}

/// A file that came in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by session::inbound")]
pub(super) struct ReceivedMedia {
    /// Where it is; null when it did not come.
    url: Option<String>,
    mimetype: String,
    filename: Option<String>,
    /// Why it did not come.
    error: Option<String>,
}

/// Who is there in a chat.
#[derive(ToSchema)]
#[schema(as = ChatPresences, example = json!({
    "id": "15551234567@c.us",
    "presences": [{ "participant": "15551234567@c.us", "lastKnownPresence": "typing", "lastSeen": null }],
}))]
#[expect(dead_code, reason = "described here, written by session::payload")]
pub(super) struct ChatPresences {
    id: String,
    presences: Vec<PersonPresence>,
}

/// Whether somebody is there.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described here, written by session::payload")]
struct PersonPresence {
    participant: String,
    /// `online`, `offline`, `typing`, `recording` or `paused`.
    last_known_presence: String,
    /// Unix time in seconds.
    last_seen: Option<i64>,
}
