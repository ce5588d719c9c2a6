//! Giving a message to those it is for: their phones show it, and every device linked to them receives it.

use super::World;
use super::devices::Token;
use super::messages::MessageIndex;
use super::people::ThreadState;
use crate::frame::ServerFrame;
use crate::id::Number;

impl World {
    /// Puts a message at the end of its conversation on every phone that takes part in it.
    pub(crate) fn show_on_phones(&mut self, index: MessageIndex) {
        let message = self.messages.get(index);
        let (thread, from, at_ms) = (message.thread, message.from, message.at_ms);
        // Who writes has read what came before.
        self.read_on_phone(from, thread);
        for number in self.members(thread) {
            if !self.people.on_whatsapp(number) {
                continue;
            }
            let phone = self.people.phone_or_new(number);
            let state = phone.threads.entry(thread).or_insert(ThreadState { unread: 0, last: index, at_ms });
            (state.last, state.at_ms) = (index, at_ms);
            if from != number {
                state.unread += 1;
            }
        }
        self.changed = true;
    }

    /// Gives a message to every device of everybody in its conversation, but for the one that sent it.
    pub(crate) fn deliver(&mut self, index: MessageIndex, sender: Option<&Token>) {
        let thread = self.messages.get(index).thread;
        for number in self.members(thread) {
            if let Some(phone) = self.people.phone_mut(number) {
                phone.reached = true;
            }
            for token in self.devices.of(number) {
                if Some(&token) != sender {
                    self.deliver_to(number, &token, index);
                }
            }
        }
    }

    /// Gives a message to one device: now if it is connected, and again at each connection until it confirms.
    fn deliver_to(&mut self, number: Number, token: &Token, index: MessageIndex) {
        let Some(device) = self.devices.get_mut(token) else {
            return;
        };
        device.wait_for(index);
        self.counts.incoming += 1;
        if device.page.is_some() {
            let message = Box::new(self.wire_message(number, index));
            self.push(token, &ServerFrame::Message { message });
        }
    }

    /// Whatever waits for a device, as the frames between `resumed` and `online`.
    pub(crate) fn backlog(&self, token: &Token) -> Vec<String> {
        let Some(device) = self.devices.get(token) else {
            return Vec::new();
        };
        let waiting = device.waiting();
        let mut frames = vec![ServerFrame::Offline { count: waiting.len() }.to_text(None)];
        frames.extend(waiting.map(|index| {
            let message = Box::new(self.wire_message(device.number, index));
            ServerFrame::Message { message }.to_text(None)
        }));
        frames.extend(device.numbered().cloned());
        frames.push(ServerFrame::Online {}.to_text(None));
        frames
    }
}
