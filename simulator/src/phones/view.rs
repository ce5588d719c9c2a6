//! Phones as people see them: who has which, their chats, and what is in them.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Json, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::ApiError;
use super::request::{KnownPhone, KnownThread};
use crate::id::{Number, Thread};
use crate::simulator::Simulator;
use crate::world::incoming::PhoneError;
use crate::world::messages::{Message, MessageIndex};
use crate::world::people::{Phone, ThreadState};
use crate::world::{World, now_ms};

/// Chats that a phone lists, newest first.
const CHATS: usize = 60;
/// Phones that nobody holds and that are listed, those written to last first.
const OTHERS: usize = 20;
/// How long somebody is taken to type, in milliseconds.
const TYPING_MS: u64 = 10_000;

/// A phone, as `GET /phones` lists it.
#[derive(Serialize)]
pub(crate) struct ListedPhone {
    number: Number,
    name: String,
    linked: usize,
    held: bool,
    airplane: bool,
    unread: u32,
    at: u64,
    chats: Vec<ListedChat>,
}

/// A line of a phone's chat list.
#[derive(Serialize)]
struct ListedChat {
    chat: String,
    name: String,
    unread: u32,
    at: u64,
    last: String,
    typing: Option<String>,
    /// Whether the other one's page says that they are there.
    online: bool,
}

/// A message, as the phone shows it.
#[derive(Serialize)]
pub(crate) struct ShownMessage {
    id: String,
    own: bool,
    from: Number,
    author: String,
    #[serde(rename = "type")]
    kind: String,
    body: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    mimetype: Option<String>,
    filename: Option<String>,
    quoted: Option<String>,
    at: u64,
    ack: i8,
    shown: u32,
    edited: bool,
    reactions: Vec<String>,
    votes: BTreeMap<String, usize>,
    my_reaction: Option<String>,
}

/// How many messages of a chat are wanted.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default = "usual")]
    limit: usize,
}

fn usual() -> usize {
    80
}

/// `GET /phones`: those that somebody holds, then those that were written to last.
pub(crate) async fn phones(State(simulator): State<Simulator>) -> Json<Vec<ListedPhone>> {
    simulator.with(|world| {
        let (held, mut others): (Vec<_>, Vec<_>) = world.people.phones().partition(|(_, phone)| phone.held);
        others.retain(|(_, phone)| phone.reached);
        others.sort_by_key(|(_, phone)| std::cmp::Reverse(last_at_ms(phone)));
        let listed = held.into_iter().chain(others.into_iter().take(OTHERS));
        Json(listed.map(|(number, phone)| listed_phone(world, number, phone)).collect())
    })
}

fn last_at_ms(phone: &Phone) -> u64 {
    phone.threads.values().map(|state| state.at_ms).max().unwrap_or_default()
}

fn listed_phone(world: &World, number: Number, phone: &Phone) -> ListedPhone {
    let mut threads: Vec<(&Thread, &ThreadState)> = phone.threads.iter().collect();
    threads.sort_by_key(|(_, state)| std::cmp::Reverse((state.at_ms, state.last)));
    ListedPhone {
        number,
        name: world.people.pushname(number),
        linked: world.devices.count_of(number),
        held: phone.held,
        airplane: phone.airplane_since_ms.is_some(),
        unread: threads.iter().map(|(_, state)| state.unread).sum(),
        at: last_at_ms(phone) / 1000,
        chats: threads
            .into_iter()
            .take(CHATS)
            .map(|(thread, state)| listed_chat(world, number, phone, *thread, state))
            .collect(),
    }
}

fn listed_chat(world: &World, owner: Number, phone: &Phone, thread: Thread, state: &ThreadState) -> ListedChat {
    let typing = phone.seen_states.get(&thread).filter(|(_, state, at_ms)| {
        matches!(state.as_str(), "composing" | "recording") && now_ms().saturating_sub(*at_ms) < TYPING_MS
    });
    let last = world
        .messages
        .thread(thread)
        .iter()
        .rev()
        .map(|index| world.messages.get(*index))
        .find(|message| has(phone, owner, message));
    ListedChat {
        chat: match thread.peer(owner) {
            Some(peer) => peer.to_string(),
            None => world.chat_id(owner, thread).to_string(),
        },
        name: world.chat_name(owner, thread),
        unread: state.unread,
        at: state.at_ms / 1000,
        last: last.map(summary).unwrap_or_default(),
        typing: typing.map(|(_, state, _)| state.clone()),
        online: thread.peer(owner).and_then(|peer| world.people.phone(peer)).is_some_and(|peer| peer.available),
    }
}

/// Whether a message has reached the phone: without a network, nobody else's does.
fn has(phone: &Phone, owner: Number, message: &Message) -> bool {
    message.from == owner || phone.airplane_since_ms.is_none_or(|since_ms| message.at_ms < since_ms)
}

/// One line about a message.
fn summary(message: &Message) -> String {
    if message.story.as_ref().is_some_and(|story| story.revoked) {
        return "This message was deleted".to_owned();
    }
    let field = |name: &str| {
        message.content.fields.as_ref().and_then(|fields| fields.get(name)?.as_str()).unwrap_or_default().to_owned()
    };
    match &*message.content.kind {
        "chat" => message.content.body.to_string(),
        "image" => format!("📷 {}", field("caption")),
        "video" => format!("🎬 {}", field("caption")),
        "audio" | "ptt" => "🎤 Voice message".to_owned(),
        "document" => format!("📄 {}", field("caption")),
        "location" => format!("📍 {}", field("loc")),
        "vcard" | "multi_vcard" => format!("👤 {}", field("vcardFormattedName")),
        "poll_creation" => format!("📊 {}", field("pollName")),
        other => other.to_owned(),
    }
}

/// `GET /phones/{number}/chats/{chat}?limit=`: the newest messages, oldest first.
pub(crate) async fn chat(
    State(simulator): State<Simulator>,
    at: KnownThread,
    Query(wanted): Query<Wanted>,
) -> Json<Vec<ShownMessage>> {
    simulator.with(|world| {
        let Some(phone) = world.people.phone(at.owner) else {
            return Json(Vec::new());
        };
        let all = world.messages.thread(at.thread);
        let reached = |index: &&MessageIndex| has(phone, at.owner, world.messages.get(**index));
        let mut newest: Vec<MessageIndex> = all.iter().rev().filter(reached).take(wanted.limit).copied().collect();
        newest.reverse();
        Json(newest.into_iter().map(|index| shown(world, at.owner, world.messages.get(index))).collect())
    })
}

fn shown(world: &World, owner: Number, message: &Message) -> ShownMessage {
    let story = message.story.as_deref();
    let content = &message.content;
    let revoked = story.is_some_and(|story| story.revoked);
    let mut votes = BTreeMap::new();
    for option in story.into_iter().flat_map(|story| story.votes.values().flatten()) {
        *votes.entry(option.clone()).or_default() += 1;
    }
    ShownMessage {
        id: message.id.to_string(),
        own: message.from == owner,
        from: message.from,
        author: world.people.display_name(owner, message.from),
        kind: if revoked { "revoked".to_owned() } else { content.kind.to_string() },
        body: if revoked { String::new() } else { content.body.to_string() },
        fields: content.fields.as_deref().filter(|_| !revoked).cloned().unwrap_or_default(),
        mimetype: content.media.as_ref().filter(|_| !revoked).map(|media| media.mimetype.to_string()),
        filename: content.media.as_ref().and_then(|media| media.filename.as_ref()).map(ToString::to_string),
        quoted: content.quoted.map(|quoted| summary(world.messages.get(quoted))),
        at: message.at_ms / 1000,
        ack: message.ack,
        shown: message.sent.as_ref().map_or(1, |sent| sent.shown),
        edited: story.is_some_and(|story| story.edited_at_ms.is_some()),
        reactions: story.map(|story| story.reactions.values().cloned().collect()).unwrap_or_default(),
        votes,
        my_reaction: story.and_then(|story| story.reactions.get(&owner).cloned()),
    }
}

/// `POST /phones/{number}/chats/{chat}/read`: the person opens the chat.
pub(crate) async fn read(State(simulator): State<Simulator>, at: KnownThread) -> Json<Value> {
    simulator.with(|world| world.read_on_phone(at.owner, at.thread));
    Json(Value::Object(Map::new()))
}

/// `GET /phones/{number}/media/{id}`: the file of a message.
pub(crate) async fn media(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Path((_number, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    simulator.with(|world| {
        let index = world.find_message(owner, &id).ok_or(PhoneError::NoMessage(id.clone()))?;
        let media = world.messages.get(index).content.media.as_ref();
        let file = media
            .and_then(|media| Some((media.mimetype.to_string(), world.media.get(&media.direct_path)?.bytes.clone())));
        let (mimetype, bytes) = file.ok_or_else(|| ApiError::NotFound(format!("the message {id} has no file")))?;
        Ok(([(CONTENT_TYPE, mimetype)], bytes).into_response())
    })
}
