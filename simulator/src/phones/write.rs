//! Phones write: messages to a number (`incoming`), and from it, on the phone itself (`send`).

use axum::extract::State;
use axum::response::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::request::{Body, KnownPhone, thread_named};
use crate::id::{ChatId, Number, Thread};
use crate::simulator::Simulator;
use crate::world::World;
use crate::world::incoming::{PhoneError, Written};
use crate::world::messages::{Content, MessageMedia};

/// How long a ciphertext stays one, unless said, in milliseconds.
const SEALED_MS: u64 = 1500;

/// A message from somebody, to the phone in the path.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Incoming {
    from: Number,
    group: Option<GroupOf>,
    id: Option<String>,
    #[serde(rename = "type", default = "text")]
    kind: String,
    body: Option<String>,
    media: Option<Attached>,
    fields: Option<Map<String, Value>>,
    quoted_id: Option<String>,
    resolve_ms: Option<u64>,
}

/// A message that the person with the phone in the path writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Outgoing {
    /// A number or a chat id.
    to: String,
    id: Option<String>,
    #[serde(rename = "type", default = "text")]
    kind: String,
    body: Option<String>,
    media: Option<Attached>,
    fields: Option<Map<String, Value>>,
    quoted_id: Option<String>,
}

/// A group by its id, or with a subject and more participants.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum GroupOf {
    Id(String),
    Described(DescribedGroup),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DescribedGroup {
    id: Option<String>,
    subject: Option<String>,
    #[serde(default)]
    participants: Vec<Number>,
}

/// A file that comes with a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attached {
    /// The bytes, in base64.
    data: String,
    mimetype: String,
    filename: Option<String>,
}

/// What a message says, as a call gives it.
struct Said {
    kind: String,
    body: Option<String>,
    media: Option<Attached>,
    fields: Map<String, Value>,
    quoted_id: Option<String>,
}

fn text() -> String {
    "chat".to_owned()
}

/// `POST /phones/{number}/incoming`
pub(crate) async fn incoming(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(incoming): Body<Incoming>,
) -> Result<Json<Value>, ApiError> {
    simulator.with(|world| {
        let Incoming { from, group, id, kind, body, media, fields, quoted_id, resolve_ms } = incoming;
        let sealed_ms = (kind == "ciphertext").then(|| resolve_ms.unwrap_or(SEALED_MS));
        let kind = if sealed_ms.is_some() { text() } else { kind };
        let said = Said { kind, body, media, fields: fields.unwrap_or_default(), quoted_id };
        let content = content(world, owner, said)?;
        let thread = match group {
            Some(group) => Thread::Group(group_for(world, owner, from, group)?),
            None => Thread::direct(owner, from),
        };
        written(world, owner, Written { from, thread, id, content, sealed_ms })
    })
}

/// `POST /phones/{number}/send`
pub(crate) async fn send(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(outgoing): Body<Outgoing>,
) -> Result<Json<Value>, ApiError> {
    simulator.with(|world| {
        let Outgoing { to, id, kind, body, media, fields, quoted_id } = outgoing;
        let thread = thread_named(world, owner, &to)?;
        let said = Said { kind, body, media, fields: fields.unwrap_or_default(), quoted_id };
        let content = content(world, owner, said)?;
        written(world, owner, Written { from: owner, thread, id, content, sealed_ms: None })
    })
}

fn written(world: &mut World, owner: Number, written: Written) -> Result<Json<Value>, ApiError> {
    let index = world.write(written)?;
    let message = world.messages.get(index);
    let chat = world.chat_id(owner, message.thread).to_string();
    Ok(Json(json!({"id": &*message.id, "key": world.key_for(owner, message), "chatId": chat})))
}

fn group_for(world: &mut World, owner: Number, from: Number, group: GroupOf) -> Result<u64, ApiError> {
    let (id, subject, mut members) = match group {
        GroupOf::Id(id) => (Some(id), None, Vec::new()),
        GroupOf::Described(group) => (group.id, group.subject, group.participants),
    };
    let id = match id.as_deref().map(ChatId::parse) {
        None => None,
        Some(Some(ChatId::Group(id))) => Some(id),
        Some(_) => {
            return Err(ApiError::Invalid("group: its id reads <digits>@g.us".to_owned()));
        }
    };
    members.extend([owner, from]);
    Ok(world.put_group(id, subject, owner, &members))
}

/// What is said, as a message's content; the name of a type may be WhatsApp Web's or a plain word.
fn content(world: &mut World, owner: Number, said: Said) -> Result<Content, ApiError> {
    let Said { kind, body, media, mut fields, quoted_id } = said;
    let kind = match kind.as_str() {
        "text" => "chat",
        "voice" => "ptt",
        "contact" => "vcard",
        "poll" => "poll_creation",
        other => other,
    };
    let wants_media = matches!(kind, "image" | "video" | "audio" | "ptt" | "document" | "sticker");
    if wants_media != media.is_some() {
        let says = if wants_media { "needs" } else { "takes no" };
        return Err(ApiError::Invalid(format!("media: a message of type {kind} {says} media")));
    }
    require_fields(kind, body.as_deref(), &fields)?;
    if kind == "poll_creation" {
        name_options(&mut fields);
    }
    let quoted = match quoted_id {
        Some(id) => Some(world.find_message(owner, &id).ok_or(PhoneError::NoMessage(id))?),
        None => None,
    };
    let mut body = body.unwrap_or_default();
    if wants_media && !body.is_empty() {
        fields.insert("caption".to_owned(), Value::String(std::mem::take(&mut body)));
    }
    Ok(Content {
        kind: Content::kind_named(kind),
        body: body.into(),
        fields: (!fields.is_empty()).then(|| Box::new(fields)),
        media: media.map(|media| attach(world, media)).transpose()?.map(Box::new),
        quoted,
    })
}

fn require_fields(kind: &str, body: Option<&str>, fields: &Map<String, Value>) -> Result<(), ApiError> {
    let (needs_body, needed): (bool, &[&str]) = match kind {
        "chat" => (true, &[]),
        "vcard" => (true, &["vcardFormattedName"]),
        "location" => (false, &["lat", "lng"]),
        "multi_vcard" => (false, &["vcardList"]),
        "poll_creation" => (false, &["pollName", "pollOptions"]),
        "image" | "video" | "audio" | "ptt" | "document" | "sticker" => (false, &[]),
        other => {
            return Err(ApiError::Invalid(format!("type: there is no type '{other}'")));
        }
    };
    if needs_body && body.is_none_or(str::is_empty) {
        return Err(ApiError::Invalid(format!("body: a message of type {kind} needs one")));
    }
    match needed.iter().find(|name| !fields.contains_key(**name)) {
        Some(missing) => Err(ApiError::Invalid(format!("fields.{missing}: a message of type {kind} needs it"))),
        None => Ok(()),
    }
}

/// Options may be given as plain names; WhatsApp has them numbered.
fn name_options(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(options)) = fields.get_mut("pollOptions") {
        for (place, option) in options.iter_mut().enumerate() {
            if let Value::String(name) = option {
                *option = json!({"name": name, "localId": place});
            }
        }
    }
    fields.entry("pollSelectableOptionsCount").or_insert(json!(0));
}

fn attach(world: &mut World, media: Attached) -> Result<MessageMedia, ApiError> {
    let bytes = STANDARD
        .decode(&media.data)
        .map_err(|error| ApiError::Invalid(format!("media.data is not base64: {error}")))?;
    let direct_path = world.media.store(bytes.into());
    Ok(MessageMedia {
        direct_path: direct_path.into(),
        mimetype: media.mimetype.into(),
        filename: media.filename.map(Into::into),
    })
}
