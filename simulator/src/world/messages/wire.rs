//! Messages as the devices of a phone know them: where they are, under which key, and what they say.

use super::{Message, MessageIndex};
use crate::frame::{WireMessage, WireQuoted};
use crate::id::{ChatId, Form, Number, Thread};
use crate::world::World;

impl World {
    /// A message that a phone has, by its id, whoever wrote it.
    pub(crate) fn find_message(&self, owner: Number, id: &str) -> Option<MessageIndex> {
        if let Some(own) = self.messages.find(owner, id) {
            return Some(own);
        }
        let threads = &self.people.phone(owner)?.threads;
        threads.keys().find_map(|thread| {
            let writers = self.members(*thread);
            writers
                .into_iter()
                .filter_map(|writer| self.messages.find(writer, id))
                .find(|index| self.messages.get(*index).thread == *thread)
        })
    }

    /// Everybody in a conversation.
    pub(crate) fn members(&self, thread: Thread) -> Vec<Number> {
        match thread {
            Thread::Direct(one, other) if one == other => vec![one],
            Thread::Direct(one, other) => vec![one, other],
            Thread::Group(id) => self.groups.members(id),
        }
    }

    /// The chat's id for the devices of `owner`.
    pub(crate) fn chat_id(&self, owner: Number, thread: Thread) -> ChatId {
        match thread {
            Thread::Direct(..) => self.people.chat_with(thread.peer(owner).unwrap_or(owner)),
            Thread::Group(id) => ChatId::Group(id),
        }
    }

    /// A message's full key for the devices of `owner`.
    pub(crate) fn key_for(&self, owner: Number, message: &Message) -> String {
        match &message.sent {
            Some(sent) if message.from == owner => sent.keys[0].to_string(),
            _ => self.made_key(owner, message, &message.id),
        }
    }

    /// A full key beside a message's: same chat, same author, another id.
    pub(crate) fn made_key(&self, owner: Number, message: &Message, id: &str) -> String {
        self.key_by(owner, message.thread, message.from, id)
    }

    /// The full key of what `author` writes in a conversation, for the devices of `owner`.
    pub(crate) fn key_by(&self, owner: Number, thread: Thread, author: Number, id: &str) -> String {
        let chat = self.chat_id(owner, thread);
        let own = author == owner;
        match thread {
            Thread::Group(_) => format!("{own}_{chat}_{id}_{}", self.people.chat_with(author)),
            Thread::Direct(one, other) if one == other => format!("{own}_{chat}_{id}_out"),
            Thread::Direct(..) => format!("{own}_{chat}_{id}"),
        }
    }

    /// A message as the devices of `owner` receive it.
    pub(crate) fn wire_message(&self, owner: Number, index: MessageIndex) -> WireMessage {
        let message = self.messages.get(index);
        let own = message.from == owner;
        let chat = self.chat_id(owner, message.thread);
        let author = self.people.chat_with(message.from).to_string();
        let group = matches!(message.thread, Thread::Group(_));
        let me = owner.id(self.people.form(owner));
        let sealed = message.story.as_ref().is_some_and(|story| story.sealed) && !own;
        let mut wire = WireMessage {
            id: message.id.to_string(),
            key: self.key_for(owner, message),
            chat_id: chat.to_string(),
            from: if group && !own { chat.to_string() } else { author.clone() },
            to: if own { chat.to_string() } else { me },
            participant: group.then_some(author),
            from_me: own,
            kind: "ciphertext".to_owned(),
            t: message.at_ms / 1000,
            notify_name: self.people.pushname(message.from),
            ack: own.then_some(message.ack),
            ..WireMessage::default()
        };
        if !sealed {
            self.fill_content(owner, message, &mut wire);
        }
        wire
    }

    fn fill_content(&self, owner: Number, message: &Message, wire: &mut WireMessage) {
        let content = &message.content;
        if message.story.as_ref().is_some_and(|story| story.revoked) {
            "revoked".clone_into(&mut wire.kind);
            return;
        }
        wire.kind = content.kind.clone().into_owned();
        wire.body = content.body.to_string();
        wire.fields = content.fields.as_deref().cloned().unwrap_or_default();
        wire.media = content.media.as_deref().and_then(|media| self.media.wire(media, message.at_ms / 1000));
        wire.quoted = content.quoted.map(|quoted| {
            let quoted = self.messages.get(quoted);
            WireQuoted {
                id: quoted.id.to_string(),
                key: self.key_for(owner, quoted),
                participant: quoted.from.id(self.people.form(quoted.from)),
                kind: quoted.content.kind.clone().into_owned(),
                body: quoted.content.body.to_string(),
            }
        });
    }

    /// Whether a key names a chat by its number although it runs under a LID: such a message gets no acks 2 and 3.
    pub(crate) fn is_keyed_by_number(&self, chat: ChatId) -> bool {
        matches!(chat, ChatId::Person(number, Form::Number) if self.people.form(number) == Form::Lid)
    }
}
