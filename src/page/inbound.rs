//! What appears in a page without drover's doing: messages, and what is done to messages and chats.

use serde::{Deserialize, Serialize};

use crate::model::{Ack, MessageKey};

/// A message that was not sent by drover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incoming {
    /// Its key.
    pub key: MessageKey,
    /// Who wrote; in a group the group.
    pub from: String,
    /// To whom.
    pub to: String,
    /// The writer within a group.
    #[serde(default)]
    pub author: Option<String>,
    /// WhatsApp Web's type, such as `chat`; the bridge calls it `kind`, since `type` names its notice.
    #[serde(rename(serialize = "type", deserialize = "kind"))]
    pub kind: String,
    /// Text, caption or question.
    #[serde(default)]
    pub body: String,
    /// Unix time in seconds.
    pub timestamp: i64,
    /// Its acknowledgement.
    pub ack: Ack,
    /// The name that the writer shows.
    #[serde(default)]
    pub notify_name: Option<String>,
    /// What only some kinds have.
    #[serde(default)]
    pub details: Details,
}

impl Incoming {
    /// Who wrote it: the person, also in a group.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.author.as_deref().unwrap_or(&self.from)
    }
}

/// What only some kinds of messages have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// The file that comes with it.
    pub media: Option<MediaSeen>,
    /// The place.
    pub location: Option<Place>,
    /// The contact cards.
    pub v_cards: Option<Vec<String>>,
    /// The poll.
    pub poll: Option<PollSeen>,
    /// The message that it answers.
    pub reply_to: Option<Quoted>,
    /// Who is mentioned.
    pub mentions: Option<Vec<String>>,
    /// Whether it was forwarded.
    pub is_forwarded: Option<bool>,
}

/// A file as a message names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaSeen {
    /// As the sender declared it.
    pub mimetype: String,
    /// Of documents.
    #[serde(default)]
    pub filename: Option<String>,
    /// In bytes, as the sender declared it.
    #[serde(default)]
    pub size: Option<u64>,
}

impl MediaSeen {
    /// A file of which the message says nothing.
    #[must_use]
    pub fn unknown() -> Self {
        Self { mimetype: "application/octet-stream".to_owned(), filename: None, size: None }
    }
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Its name and address.
    pub description: String,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollSeen {
    /// The question.
    pub name: String,
    /// What can be chosen.
    pub options: Vec<String>,
}

/// The message that another one answers, as far as that one tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// Its bare id.
    pub id: String,
    /// Who wrote it.
    #[serde(default)]
    pub participant: Option<String>,
    /// Its text.
    #[serde(default)]
    pub body: String,
    /// Whether it has a file.
    #[serde(default, rename = "hasMedia")]
    pub has_media: bool,
}

/// A reaction; an empty text takes the one before back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reaction {
    /// Its own key.
    pub key: MessageKey,
    /// The message that it is on.
    pub target: MessageKey,
    /// The emoji.
    pub text: String,
    /// Who reacted.
    pub from: String,
    /// Unix time in seconds.
    pub timestamp: i64,
}

/// A message has a new text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Edited {
    /// The edit's own key.
    pub key: MessageKey,
    /// The message as it is now.
    pub message: Incoming,
}

/// A message was taken back for everybody.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Revoked {
    /// The key that it had.
    pub key: MessageKey,
    /// Who took it back, where WhatsApp Web tells.
    #[serde(default)]
    pub by: Option<String>,
    /// What is left of it.
    pub message: Incoming,
}

/// What somebody chose in a poll: all that this person has chosen now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PollVote {
    /// Its own key.
    pub key: MessageKey,
    /// The poll's.
    pub poll: MessageKey,
    /// Who voted.
    pub from: String,
    /// The texts of the options; empty when the vote was taken back.
    pub options: Vec<String>,
    /// Unix time in seconds.
    pub timestamp: i64,
}

/// Somebody calls, or a call is over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Its id.
    pub id: String,
    /// Who calls.
    pub from: String,
    /// Unix time in seconds of its beginning.
    pub timestamp: i64,
    /// Whether with pictures.
    pub is_video: bool,
    /// Whether to a group.
    pub is_group: bool,
    /// What became of it.
    pub state: CallState,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// It rings.
    Received,
    /// Somebody took it, here or on the phone.
    Accepted,
    /// It ended without.
    Rejected,
}

/// What somebody does in a chat whose presence is watched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// The chat, as it was asked for.
    pub chat: String,
    /// Who.
    pub participant: String,
    /// WhatsApp Web's word: available, unavailable, composing, recording, paused.
    pub state: String,
    /// Unix time in seconds, of somebody who is not there.
    #[serde(default)]
    pub last_seen: Option<i64>,
}

/// What appears in a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// A message, from another or sent on the phone itself.
    Message(Incoming),
    /// A reaction of somebody.
    Reaction(Reaction),
    /// A message was edited.
    Edited(Edited),
    /// A message was taken back.
    Revoked(Revoked),
    /// Somebody voted.
    PollVote(PollVote),
    /// A call.
    Call(Call),
    /// Somebody's presence.
    Presence(Presence),
}
