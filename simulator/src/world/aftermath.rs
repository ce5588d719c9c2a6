//! What is done to messages after they were sent: edits, revokes, reactions, votes; by pages and by phones alike.

use std::sync::Arc;

use tracing::debug;

use super::World;
use super::acks::Ackable;
use super::devices::Token;
use super::incoming::PhoneError;
use super::messages::MessageIndex;
use crate::frame::{Aftermath, EditedBody, PageFrame, Reaction, RevokedKey, ServerFrame, Vote};
use crate::id::{MessageKey, Number};

/// Something done to a message.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A new text.
    Edit(String),
    /// It is taken back.
    Revoke,
    /// A reaction; empty: taken back.
    React(String),
    /// All options of a poll that are chosen now.
    Vote(Vec<String>),
}

/// Who does it, and under which id.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) author: Number,
    pub(crate) id: String,
    pub(crate) change: Change,
}

impl World {
    /// An edit, revoke, reaction or vote leaves a page.
    pub(crate) fn take_aftermath(&mut self, token: &Token, owner: Number, frame: PageFrame) {
        let (id, key, target, change) = match frame {
            PageFrame::Edit { id, key, target, body } => (id, key, target, Change::Edit(body)),
            PageFrame::Revoke { id, key, target } => (id, key, target, Change::Revoke),
            PageFrame::React { id, key, target, text } => (id, key, target, Change::React(text)),
            PageFrame::Vote { id, key, target, options } => (id, key, target, Change::Vote(options)),
            other => return debug!(?other, "a frame out of place"),
        };
        let (Some(index), Some(parsed)) = (self.target(owner, &target), MessageKey::parse(&key)) else {
            return debug!(%target, %key, "a page acts on a message that the server does not know");
        };
        let act = Act { author: owner, id: id.clone(), change };
        if let Err(error) = self.change(index, &act, Some(token)) {
            return debug!(%error, "a page does what it may not");
        }
        let what = Ackable {
            device: token.clone(),
            key: Arc::from(key),
            id: Arc::from(id),
            chat: parsed.remote,
            message: None,
        };
        self.plan_acks(owner, &what);
    }

    /// Changes a message and tells every device but the one that did it.
    pub(crate) fn change(&mut self, index: MessageIndex, act: &Act, sender: Option<&Token>) -> Result<(), PhoneError> {
        if sender.is_none() && self.people.is_in_airplane_mode(act.author) {
            return Err(PhoneError::Airplane(act.author));
        }
        self.check(index, act)?;
        self.apply(index, act);
        let thread = self.messages.get(index).thread;
        for number in self.members(thread) {
            let frame = self.change_frame(number, index, act);
            for token in self.devices.of(number) {
                if Some(&token) != sender {
                    self.push_numbered(&token, &frame);
                }
            }
        }
        self.changed = true;
        Ok(())
    }

    fn check(&self, index: MessageIndex, act: &Act) -> Result<(), PhoneError> {
        let message = self.messages.get(index);
        if !self.members(message.thread).contains(&act.author) {
            return Err(PhoneError::NotTheAuthor(act.author));
        }
        match &act.change {
            Change::Edit(_) | Change::Revoke if message.from != act.author => Err(PhoneError::NotTheAuthor(act.author)),
            Change::Vote(options) => {
                let offered = message.content.fields.as_ref().and_then(|fields| fields.get("pollOptions")?.as_array());
                let known = |option: &String| offered.is_some_and(|all| all.iter().any(|one| one["name"] == **option));
                if offered.is_some() && options.iter().all(known) { Ok(()) } else { Err(PhoneError::NoSuchOption) }
            }
            _ => Ok(()),
        }
    }

    fn apply(&mut self, index: MessageIndex, act: &Act) {
        match &act.change {
            Change::Edit(body) => {
                self.messages.get_mut(index).content.body = body.as_str().into();
                self.messages.story_mut(index).edited_at_ms = Some(super::now_ms());
            }
            Change::Revoke => self.messages.story_mut(index).revoked = true,
            Change::React(text) => {
                let reactions = &mut self.messages.story_mut(index).reactions;
                if text.is_empty() {
                    reactions.remove(&act.author);
                } else {
                    reactions.insert(act.author, text.clone());
                }
            }
            Change::Vote(options) => {
                self.messages.story_mut(index).votes.insert(act.author, options.clone());
            }
        }
    }

    fn change_frame(&self, viewer: Number, index: MessageIndex, act: &Act) -> ServerFrame {
        let message = self.messages.get(index);
        let by_act = self.key_by(viewer, message.thread, act.author, &act.id);
        let about = Aftermath {
            key: self.key_for(viewer, message),
            id: message.id.to_string(),
            from: self.people.chat_with(act.author).to_string(),
            at: super::now_s(),
            what: (),
        };
        let id = act.id.clone();
        match act.change.clone() {
            Change::Edit(body) => ServerFrame::Edited(Box::new(about.with(EditedBody { body, edit_id: id }))),
            Change::Revoke => ServerFrame::Revoked(Box::new(about.with(RevokedKey { new_key: by_act, new_id: id }))),
            Change::React(text) => {
                ServerFrame::Reacted(Box::new(about.with(Reaction { reaction_key: by_act, reaction_id: id, text })))
            }
            Change::Vote(options) => {
                ServerFrame::Voted(Box::new(about.with(Vote { vote_key: by_act, vote_id: id, options })))
            }
        }
    }
}
