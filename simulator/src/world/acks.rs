//! Acks for what pages send: automatic ones at their times, or by hand, and the faults that withhold or delay them.
//!
//! Ack 1 is the server's; 2 says that the other phone has it, 3 that the person read it. A message keyed by the number in a
//! chat that runs under a LID gets 1 alone; so does one to somebody who is not on WhatsApp. A phone without network owes
//! its acks until it has one.

use std::sync::Arc;

use super::World;
use super::devices::Token;
use super::messages::MessageIndex;
use super::schedule::Due;
use crate::frame::{Aftermath, Receipted, ServerFrame};
use crate::id::{ChatId, Number, Thread};

/// An ack that will be given to a device.
#[derive(Clone, Debug)]
pub(crate) struct PlannedAck {
    pub(crate) device: Token,
    pub(crate) key: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) level: i8,
    /// Who gives it; the server itself for 1.
    pub(crate) from: Option<Number>,
    pub(crate) message: Option<MessageIndex>,
}

/// Something that wants acks: a message, or what is done to one.
#[derive(Clone, Debug)]
pub(crate) struct Ackable {
    pub(crate) device: Token,
    pub(crate) key: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) chat: ChatId,
    pub(crate) message: Option<MessageIndex>,
}

impl World {
    /// Plans all acks that something sent by `owner` will get by itself.
    pub(crate) fn plan_acks(&mut self, owner: Number, what: &Ackable) {
        let delay_ms = self.faults.ack_delay_ms(owner);
        let times = self.settings.acks.clone();
        let mut levels = vec![(1, times.ack_server_ms, None)];
        if !self.is_keyed_by_number(what.chat) {
            for reader in self.ack_givers(owner, what.chat) {
                levels.push((2, times.ack_device_ms, Some(reader)));
                levels.push((3, times.ack_read_ms, Some(reader)));
            }
        }
        levels.retain(|(level, ..)| !self.faults.stays_below(owner, *level));
        let reversed = self.faults.acks_out_of_order(owner);
        let last_ms = levels.iter().map(|(_, ms, _)| *ms).max().unwrap_or_default();
        for (level, ms, from) in levels {
            let ms = if reversed { last_ms - ms } else { ms };
            let (device, key, id) = (what.device.clone(), what.key.clone(), what.id.clone());
            let planned = PlannedAck { device, key, id, level, from, message: what.message };
            self.schedule.after_ms(ms + delay_ms, Due::Ack(planned));
        }
    }

    /// Who will have and read what `owner` sends into a chat.
    fn ack_givers(&self, owner: Number, chat: ChatId) -> Vec<Number> {
        match chat {
            ChatId::Person(number, _) if self.people.on_whatsapp(number) => vec![number],
            ChatId::Person(..) => Vec::new(),
            ChatId::Group(id) => self.groups.members(id).into_iter().filter(|member| *member != owner).collect(),
        }
    }

    /// The time of a planned ack has come.
    pub(crate) fn give_planned_ack(&mut self, planned: PlannedAck) {
        let Some(owner) = self.devices.get(&planned.device).map(|device| device.number) else {
            return;
        };
        if self.faults.stays_below(owner, planned.level) {
            return;
        }
        if let Some(from) = planned.from
            && from != owner
            && let Some(phone) = self.people.phone_mut(from)
            && phone.airplane_since_ms.is_some()
        {
            phone.owed_acks.push(planned);
            return;
        }
        match planned.message {
            Some(message) => self.give_message_ack(owner, message, &planned),
            None => self.give_ack(&planned.device, &planned.key, &planned.id, planned.level),
        }
    }

    fn give_message_ack(&mut self, owner: Number, index: MessageIndex, planned: &PlannedAck) {
        let thread = self.messages.get(index).thread;
        if let (Thread::Group(_), Some(from)) = (thread, planned.from) {
            let by_one = Aftermath {
                key: planned.key.to_string(),
                id: planned.id.to_string(),
                from: from.id(self.people.form(from)),
                at: super::now_s(),
                what: Receipted { ack: planned.level },
            };
            self.push_numbered(&planned.device, &ServerFrame::Receipted(Box::new(by_one)));
            if !self.counts_for_group(owner, index, planned.level) {
                return;
            }
        }
        let message = self.messages.get_mut(index);
        message.ack = message.ack.max(planned.level);
        self.changed = true;
        self.give_ack(&planned.device, &planned.key, &planned.id, planned.level);
    }

    /// A group's message is delivered, or read, when the last one has it.
    fn counts_for_group(&mut self, owner: Number, index: MessageIndex, level: i8) -> bool {
        let Thread::Group(id) = self.messages.get(index).thread else {
            return true;
        };
        let others = self.groups.members(id).into_iter().filter(|member| *member != owner).count();
        let given = self.messages.story_mut(index).group_acks.entry(level).or_default();
        *given += 1;
        *given == others
    }

    /// Tells a device of an ack: 1 once, the higher ones until they are confirmed.
    pub(crate) fn give_ack(&mut self, device: &Token, key: &str, id: &str, ack: i8) {
        let frame = ServerFrame::Ack { key: key.to_owned(), id: id.to_owned(), ack };
        if ack >= 2 {
            self.push_numbered(device, &frame);
        } else {
            self.push(device, &frame);
        }
    }

    /// An ack by hand, for a message that a page of `owner` sent.
    pub(crate) fn ack_by_hand(&mut self, owner: Number, index: MessageIndex, ack: i8) {
        let message = self.messages.get_mut(index);
        message.ack = message.ack.max(ack);
        let Some(sent) = &message.sent else { return };
        let (id, device) = (message.id.to_string(), sent.device.clone());
        let keys: Vec<String> = sent.keys.iter().map(ToString::to_string).collect();
        let devices = if self.devices.get(&device).is_some() { vec![device] } else { self.devices.of(owner) };
        for device in devices {
            for key in &keys {
                self.give_ack(&device, key, &id, ack);
            }
        }
        self.changed = true;
    }
}
