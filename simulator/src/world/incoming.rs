//! What phones do towards pages: write, type, call.

use std::sync::Arc;

use thiserror::Error;

use super::World;
use super::messages::{Content, Message, MessageIndex, Story};
use super::schedule::Due;
use crate::frame::ServerFrame;
use crate::id::{Form, Number, Thread};

/// For how long an unanswered call rings, in milliseconds.
const RINGS_MS: u64 = 20_000;

/// Why a phone cannot do what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum PhoneError {
    /// It has no network.
    #[error("the phone {0} is in airplane mode: switch that off first")]
    Airplane(Number),
    /// It has no such message.
    #[error("the phone has no message with the id {0}")]
    NoMessage(String),
    /// The id has been used by the same sender.
    #[error("there is already a message with the id {0} from this number")]
    IdTaken(String),
    /// Only the author can do that.
    #[error("only the author of a message can do that: {0} is not")]
    NotTheAuthor(Number),
    /// A poll's options are what can be voted for.
    #[error("the message is not a poll with these options")]
    NoSuchOption,
    /// The group is unknown, or the number is not in it.
    #[error("there is no such group with this number in it")]
    NoGroup,
}

impl PhoneError {
    /// A word for programs.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Airplane(_) => "airplane_mode",
            Self::NoMessage(_) => "no_message",
            Self::IdTaken(_) => "id_taken",
            Self::NotTheAuthor(_) => "not_the_author",
            Self::NoSuchOption => "no_such_option",
            Self::NoGroup => "no_group",
        }
    }
}

/// A message that a phone writes.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) from: Number,
    pub(crate) thread: Thread,
    pub(crate) id: Option<String>,
    pub(crate) content: Content,
    /// It arrives as ciphertext, and is resolved after so many milliseconds.
    pub(crate) sealed_ms: Option<u64>,
}

impl World {
    /// A phone writes a message; every device linked to anybody in the conversation receives it.
    pub(crate) fn write(&mut self, written: Written) -> Result<MessageIndex, PhoneError> {
        let Written { from, thread, id, content, sealed_ms } = written;
        if self.people.is_in_airplane_mode(from) {
            return Err(PhoneError::Airplane(from));
        }
        let id: Arc<str> = id.unwrap_or_else(|| format!("3A{}", super::random_hex(9))).into();
        if self.messages.find(from, &id).is_some() {
            return Err(PhoneError::IdTaken(id.to_string()));
        }
        let story = sealed_ms.map(|_| Box::new(Story { sealed: true, ..Story::default() }));
        let index =
            self.messages.add(Message { id, from, thread, at_ms: super::now_ms(), content, sent: None, ack: 1, story });
        self.show_on_phones(index);
        self.deliver(index, None);
        if let Some(ms) = sealed_ms {
            self.schedule.after_ms(ms, Due::Resolve { message: index });
        }
        Ok(index)
    }

    /// A ciphertext's message can be read at last.
    pub(crate) fn resolve_ciphertext(&mut self, index: MessageIndex) {
        self.messages.story_mut(index).sealed = false;
        let message = self.messages.get(index);
        let (from, thread) = (message.from, message.thread);
        for number in self.members(thread).into_iter().filter(|number| *number != from) {
            let frame = ServerFrame::Resolved { message: Box::new(self.wire_message(number, index)) };
            self.push_numbered_to_all(number, &frame);
        }
        self.changed = true;
    }

    /// Somebody types, records, comes or goes, as `owner` sees it.
    pub(crate) fn show_presence(&mut self, owner: Number, thread: Thread, from: Number, state: &str) {
        let frame = self.presence_frame(owner, thread, from, state.to_owned());
        for token in self.devices.of(owner) {
            self.push(&token, &frame);
        }
    }

    /// The frame by which the devices of `owner` learn that.
    pub(crate) fn presence_frame(&self, owner: Number, thread: Thread, from: Number, state: String) -> ServerFrame {
        let chat_id = self.chat_id(owner, thread).to_string();
        ServerFrame::Presence { chat_id, from: self.people.chat_with(from).to_string(), state, at: super::now_s() }
    }

    /// Somebody calls `owner`; the call ends by itself. Gives the call's id.
    pub(crate) fn call(&mut self, owner: Number, from: Number, is_video: bool, is_group: bool) -> String {
        let id = super::random_hex(16);
        let caller = from.id(Form::Number);
        self.push_call(owner, &id, &caller, (is_video, is_group), "offer");
        self.schedule.after_ms(RINGS_MS, Due::CallEnds { owner, id: id.clone(), from: caller, is_video, is_group });
        id
    }

    /// A call that nobody took ends.
    pub(crate) fn end_call(&mut self, owner: Number, id: &str, from: &str, kind: (bool, bool)) {
        self.push_call(owner, id, from, kind, "ended");
    }

    fn push_call(&self, owner: Number, id: &str, from: &str, (is_video, is_group): (bool, bool), state: &'static str) {
        let frame = ServerFrame::Call {
            id: id.to_owned(),
            from: from.to_owned(),
            is_video,
            is_group,
            at: super::now_s(),
            state,
        };
        for token in self.devices.of(owner) {
            self.push(&token, &frame);
        }
    }

    /// The person with this phone opens a conversation: what is in it is read.
    pub(crate) fn read_on_phone(&mut self, owner: Number, thread: Thread) {
        let Some(state) = self.people.phone_mut(owner).and_then(|phone| phone.threads.get_mut(&thread)) else {
            return;
        };
        let unread = std::mem::take(&mut state.unread) as usize;
        let newest = self.messages.thread(thread).iter().rev().copied();
        let read: Vec<MessageIndex> =
            newest.filter(|index| self.messages.get(*index).from != owner).take(unread).collect();
        for index in read {
            self.messages.get_mut(index).raise_phones_ack(3);
            self.changed = true;
        }
    }
}
