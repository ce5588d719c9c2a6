//! Messages, as the server knows them: by sender and id, and for what a page sent also by full key.
//!
//! The same full key again is the same message (`received` counts it); the same id under another key is a message that the
//! phone shows again (`shown`), which is what "sent twice" means. Records stay for good, so they are kept small.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::devices::Token;
use crate::id::{ChatId, Number, Thread};

mod wire;

/// The place of a message among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MessageIndex(u32);

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: Arc<str>,
    pub(crate) from: Number,
    pub(crate) thread: Thread,
    pub(crate) at_ms: u64,
    pub(crate) content: Content,
    /// How it came from a page; `None` for what a phone itself wrote.
    pub(crate) sent: Option<Box<Sent>>,
    /// The highest ack by now.
    pub(crate) ack: i8,
    pub(crate) story: Option<Box<Story>>,
}

/// What a message says.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The type's name in WhatsApp Web: chat, image, ...
    pub(crate) kind: Cow<'static, str>,
    pub(crate) body: Box<str>,
    pub(crate) fields: Option<Box<Map<String, Value>>>,
    pub(crate) media: Option<Box<MessageMedia>>,
    pub(crate) quoted: Option<MessageIndex>,
}

/// The media of a message: an upload, and how the message names it.
#[derive(Debug)]
pub(crate) struct MessageMedia {
    pub(crate) direct_path: Box<str>,
    pub(crate) mimetype: Box<str>,
    pub(crate) filename: Option<Box<str>>,
}

/// How a message came from a page.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) device: Token,
    /// Every full key under which it came, the first one first; never empty.
    pub(crate) keys: Vec<Box<str>>,
    pub(crate) chat: ChatId,
    /// How often it came, under whatever key.
    pub(crate) received: u32,
    /// How often the phone shows it.
    pub(crate) shown: u32,
}

/// What happened to a message since.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// When it was last edited, in milliseconds since 1970.
    pub(crate) edited_at_ms: Option<u64>,
    pub(crate) revoked: bool,
    /// It arrived as ciphertext and has not been resolved.
    pub(crate) sealed: bool,
    pub(crate) reactions: BTreeMap<Number, String>,
    pub(crate) votes: BTreeMap<Number, Vec<String>>,
    /// Of a group message: how many gave which ack.
    pub(crate) group_acks: BTreeMap<i8, usize>,
}

/// All messages.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    all: Vec<Message>,
    by_sender: HashMap<Number, HashMap<Arc<str>, MessageIndex>>,
    by_thread: HashMap<Thread, Vec<MessageIndex>>,
    sent_by: HashMap<Number, Vec<MessageIndex>>,
    duplicates: u64,
}

/// What the server makes of a message that a page sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Never seen.
    New(MessageIndex),
    /// The same full key again.
    Again(MessageIndex),
    /// The same id under another key: shown once more.
    Duplicate(MessageIndex),
}

impl Message {
    /// Raises the ack of what a phone itself wrote. Those of what a page sent are given by the server alone.
    pub(crate) fn raise_phones_ack(&mut self, ack: i8) {
        if self.sent.is_none() {
            self.ack = self.ack.max(ack);
        }
    }
}

impl Content {
    /// A plain text.
    pub(crate) fn text(body: &str) -> Self {
        Self { kind: Cow::Borrowed("chat"), body: body.into(), ..Self::default() }
    }

    /// The name of a type, without memory of its own for the usual ones.
    pub(crate) fn kind_named(kind: &str) -> Cow<'static, str> {
        const USUAL: [&str; 12] = [
            "chat",
            "image",
            "video",
            "audio",
            "ptt",
            "document",
            "sticker",
            "location",
            "vcard",
            "multi_vcard",
            "poll_creation",
            "revoked",
        ];
        USUAL
            .iter()
            .find(|usual| **usual == kind)
            .map_or_else(|| Cow::Owned(kind.to_owned()), |usual| Cow::Borrowed(*usual))
    }
}

impl Messages {
    /// The message at a place.
    pub(crate) fn get(&self, index: MessageIndex) -> &Message {
        &self.all[index.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, index: MessageIndex) -> &mut Message {
        &mut self.all[index.0 as usize]
    }

    /// What happened to a message, to be written.
    pub(crate) fn story_mut(&mut self, index: MessageIndex) -> &mut Story {
        self.get_mut(index).story.get_or_insert_default()
    }

    /// Adds a message that a phone itself wrote.
    pub(crate) fn add(&mut self, message: Message) -> MessageIndex {
        let index = MessageIndex(u32::try_from(self.all.len()).expect("memory ends before four billion messages"));
        self.by_sender.entry(message.from).or_default().insert(message.id.clone(), index);
        self.by_thread.entry(message.thread).or_default().push(index);
        if message.sent.is_some() {
            self.sent_by.entry(message.from).or_default().push(index);
        }
        self.all.push(message);
        index
    }

    /// Counts one more arrival of a message that a page sent, if it is known by its id.
    pub(crate) fn arrive_again(&mut self, from: Number, id: &str, key: &str) -> Option<Arrival> {
        let index = *self.by_sender.get(&from)?.get(id)?;
        let sent = self.all[index.0 as usize].sent.as_mut()?;
        sent.received += 1;
        if sent.keys.iter().any(|known| **known == *key) {
            return Some(Arrival::Again(index));
        }
        sent.keys.push(key.into());
        sent.shown += 1;
        self.duplicates += 1;
        Some(Arrival::Duplicate(index))
    }

    /// The message of a sender by its id.
    pub(crate) fn find(&self, from: Number, id: &str) -> Option<MessageIndex> {
        self.by_sender.get(&from)?.get(id).copied()
    }

    /// What the pages of a number sent, in the order shown.
    pub(crate) fn sent_by(&self, number: Number) -> impl ExactSizeIterator<Item = &Message> {
        self.sent_by.get(&number).map_or(&[][..], Vec::as_slice).iter().map(|index| self.get(*index))
    }

    /// A conversation, oldest first.
    pub(crate) fn thread(&self, thread: Thread) -> &[MessageIndex] {
        self.by_thread.get(&thread).map_or(&[], Vec::as_slice)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// How often a phone showed what it had shown before.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates
    }
}
