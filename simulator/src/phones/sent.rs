//! What the pages of a number sent, in the order shown: the truth about "once".

use axum::extract::State;
use axum::response::Json;
use serde::Serialize;
use serde_json::{Map, Value};

use super::request::KnownPhone;
use crate::id::{Number, Thread};
use crate::simulator::Simulator;
use crate::world::World;
use crate::world::messages::{Message, MessageMedia, Sent};

/// One message, as the contract has it; `keys`, `to`, and what follows `shown` are beyond it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentMessage {
    id: String,
    key: String,
    keys: Vec<String>,
    chat_id: String,
    to: Option<Number>,
    #[serde(rename = "type")]
    kind: String,
    body: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<SentMedia>,
    at: u64,
    received: u32,
    shown: u32,
    ack: i8,
    edited: bool,
    revoked: bool,
    reactions: Vec<String>,
}

/// The media that the phone has, measured on its bytes.
#[derive(Serialize)]
struct SentMedia {
    /// In hexadecimal digits.
    sha256: String,
    bytes: usize,
    mimetype: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
}

/// `GET /phones/{number}/sent`
pub(crate) async fn sent(State(simulator): State<Simulator>, KnownPhone(number): KnownPhone) -> Json<Vec<SentMessage>> {
    simulator.with(|world| {
        let messages = world.messages.sent_by(number);
        Json(messages.filter_map(|message| Some(sent_message(world, message, message.sent.as_ref()?))).collect())
    })
}

fn sent_message(world: &World, message: &Message, sent: &Sent) -> SentMessage {
    let story = message.story.as_ref();
    SentMessage {
        id: message.id.to_string(),
        key: sent.keys[0].to_string(),
        keys: sent.keys.iter().map(ToString::to_string).collect(),
        chat_id: sent.chat.to_string(),
        to: if let Thread::Direct(..) = message.thread { message.thread.peer(message.from) } else { None },
        kind: message.content.kind.to_string(),
        body: message.content.body.to_string(),
        fields: message.content.fields.as_deref().cloned().unwrap_or_default(),
        media: message.content.media.as_ref().and_then(|media| sent_media(world, media)),
        at: message.at_ms / 1000,
        received: sent.received,
        shown: sent.shown,
        ack: message.ack,
        edited: story.is_some_and(|story| story.edited_at_ms.is_some()),
        revoked: story.is_some_and(|story| story.revoked),
        reactions: story.map(|story| story.reactions.values().cloned().collect()).unwrap_or_default(),
    }
}

fn sent_media(world: &World, media: &MessageMedia) -> Option<SentMedia> {
    let blob = world.media.get(&media.direct_path)?;
    Some(SentMedia {
        sha256: blob.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes: blob.bytes.len(),
        mimetype: media.mimetype.to_string(),
        filename: media.filename.as_ref().map(ToString::to_string),
    })
}
