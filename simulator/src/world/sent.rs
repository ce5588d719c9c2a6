//! What a page sends: taken, refused, or known already; shown on the phones, delivered to whoever is linked, acked.

use std::sync::Arc;

use tracing::debug;

use super::World;
use super::acks::Ackable;
use super::devices::Token;
use super::messages::{Arrival, Content, Message, MessageIndex, MessageMedia, Sent};
use super::pages::PageId;
use crate::frame::{Send, ServerFrame};
use crate::id::{ChatId, MessageKey, Number};

/// WhatsApp's code for a stanza that it cannot make sense of.
const BAD_REQUEST: u32 = 400;

impl World {
    /// A message leaves a page.
    pub(crate) fn take_sent(&mut self, page: PageId, token: &Token, owner: Number, send: Send) {
        self.counts.received += 1;
        let key = match self.checked_key(owner, &send) {
            Ok(key) => key,
            Err(code) => return self.refuse(page, send, code),
        };
        if let Some(code) = self.faults.take_send_failure(owner) {
            return self.refuse(page, send, code);
        }
        let (id, key_text): (Arc<str>, Arc<str>) = (Arc::from(send.id.as_str()), Arc::from(send.key.as_str()));
        let arrival = self.messages.arrive_again(owner, &id, &key_text).unwrap_or_else(|| {
            let message = self.received_message(owner, token, &key, send);
            Arrival::New(self.messages.add(message))
        });
        let (Arrival::New(index) | Arrival::Again(index) | Arrival::Duplicate(index)) = arrival;
        if let Arrival::New(index) = arrival {
            self.show_on_phones(index);
            self.deliver(index, Some(token));
        } else {
            debug!(%id, ?arrival, "a page sent a known message");
        }
        self.changed = true;
        let what = Ackable { device: token.clone(), key: key_text, id, chat: key.remote, message: Some(index) };
        self.plan_acks(owner, &what);
    }

    fn checked_key(&self, owner: Number, send: &Send) -> Result<MessageKey, u32> {
        let key = MessageKey::parse(&send.key).ok_or(BAD_REQUEST)?;
        let chat = ChatId::parse(&send.chat_id).ok_or(BAD_REQUEST)?;
        let same_chat = chat.thread(owner) == key.remote.thread(owner);
        if !key.from_me || key.id != send.id || !same_chat {
            return Err(BAD_REQUEST);
        }
        match chat {
            ChatId::Group(id) if !self.groups.members(id).contains(&owner) => Err(403),
            _ => Ok(key),
        }
    }

    fn refuse(&mut self, page: PageId, send: Send, code: u32) {
        self.counts.refused += 1;
        if let Some(page) = self.pages.get(page) {
            page.push(&ServerFrame::Refused { key: send.key, id: send.id, code });
        }
    }

    fn received_message(&self, owner: Number, token: &Token, key: &MessageKey, send: Send) -> Message {
        let quoted =
            send.fields.get("quotedStanzaID").and_then(|id| id.as_str()).and_then(|id| self.find_message(owner, id));
        let chat = ChatId::parse(&send.chat_id).unwrap_or(key.remote);
        let sent = Sent { device: token.clone(), keys: vec![send.key.into()], chat, received: 1, shown: 1 };
        Message {
            id: send.id.into(),
            from: owner,
            thread: key.remote.thread(owner),
            at_ms: super::now_ms(),
            content: Content {
                kind: Content::kind_named(&send.kind),
                body: send.body.unwrap_or_default().into(),
                fields: (!send.fields.is_empty()).then(|| Box::new(send.fields)),
                media: send.media.map(|media| {
                    Box::new(MessageMedia {
                        direct_path: media.direct_path.into(),
                        mimetype: media.mimetype.into(),
                        filename: media.filename.map(Into::into),
                    })
                }),
                quoted,
            },
            sent: Some(Box::new(sent)),
            ack: 0,
            story: None,
        }
    }

    /// The message `target` (a full key) that a device of `owner` wants to do something to.
    pub(crate) fn target(&self, owner: Number, target: &str) -> Option<MessageIndex> {
        let key = MessageKey::parse(target)?;
        let thread = key.remote.thread(owner);
        let writers = if key.from_me { vec![owner] } else { self.members(thread) };
        let found = writers.into_iter().filter_map(|writer| self.messages.find(writer, &key.id));
        found.into_iter().find(|index| self.messages.get(*index).thread == thread)
    }
}
