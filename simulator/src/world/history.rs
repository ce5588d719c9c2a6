//! What a phone brings when a device is linked: contacts, chats and groups first, then its messages in chunks.
//!
//! Both syncs are given again at each connection until the page says that it has them.

use super::World;
use super::devices::Token;
use super::messages::{Content, Message, MessageIndex};
use super::pages::PageId;
use super::schedule::Due;
use crate::frame::{ServerFrame, WireChat, WireContact};
use crate::id::{Number, Thread};

/// Messages in one chunk of the history.
const CHUNK: usize = 200;
/// Where the numbers of made-up contacts begin.
const FIRST_CONTACT: u64 = 15_550_100_000;
/// Between two made-up messages, in milliseconds.
const STEP_MS: u64 = 60_000;
const NAMES: [&str; 12] =
    ["Ada", "Ben", "Carla", "Dev", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jon", "Kaya", "Liam"];
const LINES: [&str; 8] = [
    "Are you coming tonight?",
    "Yes, at eight",
    "Can you send me the address?",
    "On my way",
    "Thank you!",
    "Let me check and get back to you",
    "Sounds good",
    "See you tomorrow",
];

impl World {
    /// Plans the syncs that a device has not had yet, for the page that it is on.
    pub(crate) fn plan_syncs(&mut self, token: &Token) {
        let Some(device) = self.devices.get(token) else { return };
        let (number, sync) = (device.number, device.sync);
        let Some(page) = device.page.filter(|_| !self.faults.never_syncs(number)) else { return };
        let device = token.clone();
        if !sync.critical_done {
            self.schedule.after_ms(self.settings.linking.critical_sync_ms, Due::CriticalSync { device, page });
        } else if !sync.history_done {
            self.schedule.after_ms(0, Due::HistoryChunk { device, page, from: 0 });
        }
    }

    /// Gives the critical sync; the history follows.
    pub(crate) fn give_critical_sync(&mut self, token: &Token, page: PageId) {
        let Some(owner) = self.owner_on(token, page) else { return };
        let frame = ServerFrame::Critical {
            contacts: self.contacts_of(owner),
            chats: self.chats_of(owner),
            groups: self.groups_of(owner),
        };
        self.push(token, &frame);
        let chunk = Due::HistoryChunk { device: token.clone(), page, from: 0 };
        self.schedule.after_ms(self.settings.linking.history_chunk_ms, chunk);
    }

    /// Gives one chunk of the history and plans the next.
    pub(crate) fn give_history_chunk(&mut self, token: &Token, page: PageId, from: usize) {
        let Some(owner) = self.owner_on(token, page) else { return };
        let all = self.history_of(owner);
        let chunk = &all[from.min(all.len())..(from + CHUNK).min(all.len())];
        let done = from + chunk.len();
        let last = done >= all.len();
        let progress = u32::try_from(done * 100 / all.len().max(1)).unwrap_or(100);
        let frame = ServerFrame::History {
            chats: if from == 0 { self.chats_of(owner) } else { Vec::new() },
            messages: chunk.iter().map(|index| self.wire_message(owner, *index)).collect(),
            last,
            progress: if last { 100 } else { progress },
        };
        self.push(token, &frame);
        if !last {
            let next = Due::HistoryChunk { device: token.clone(), page, from: done };
            self.schedule.after_ms(self.settings.linking.history_chunk_ms, next);
        }
    }

    /// Whose device this is, if it is still on this page.
    fn owner_on(&self, token: &Token, page: PageId) -> Option<Number> {
        self.devices.get(token).filter(|device| device.page == Some(page)).map(|device| device.number)
    }

    /// All messages of a phone, in the order in which they came.
    fn history_of(&self, owner: Number) -> Vec<MessageIndex> {
        let Some(phone) = self.people.phone(owner) else {
            return Vec::new();
        };
        let mut all: Vec<MessageIndex> =
            phone.threads.keys().flat_map(|thread| self.messages.thread(*thread)).copied().collect();
        all.sort_unstable();
        all
    }

    fn contacts_of(&self, owner: Number) -> Vec<WireContact> {
        let Some(phone) = self.people.phone(owner) else {
            return Vec::new();
        };
        let written = phone.address_book.keys().copied();
        let met = phone.threads.keys().flat_map(|thread| self.members(*thread));
        let mut numbers: Vec<Number> = written.chain(met).chain(std::iter::once(owner)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| self.people.contact(owner, number)).collect()
    }

    fn chats_of(&self, owner: Number) -> Vec<WireChat> {
        let Some(phone) = self.people.phone(owner) else {
            return Vec::new();
        };
        let mut chats: Vec<WireChat> = phone
            .threads
            .iter()
            .map(|(thread, state)| WireChat {
                id: self.chat_id(owner, *thread).to_string(),
                name: self.chat_name(owner, *thread),
                unread_count: state.unread,
                t: state.at_ms / 1000,
                archived: false,
            })
            .collect();
        chats.sort_by_key(|chat| std::cmp::Reverse(chat.t));
        chats
    }

    /// What a phone writes above a conversation.
    pub(crate) fn chat_name(&self, owner: Number, thread: Thread) -> String {
        match thread {
            Thread::Direct(..) => self.people.display_name(owner, thread.peer(owner).unwrap_or(owner)),
            Thread::Group(id) => self.groups.get(id).map(|group| group.subject.clone()).unwrap_or_default(),
        }
    }

    /// Makes up the history that a phone was said to have, once.
    pub(crate) fn make_history(&mut self, owner: Number) {
        let usual = self.settings.history.clone();
        let phone = self.people.phone_or_new(owner);
        if std::mem::replace(&mut phone.history_made, true) {
            return;
        }
        let size = phone.history.take().unwrap_or(usual);
        let (chats, messages) = (u64::from(size.history_chats), u64::from(size.history_messages));
        if chats == 0 {
            return;
        }
        let start_ms = super::now_ms().saturating_sub(messages.max(chats) * STEP_MS + STEP_MS);
        for place in 0..messages.max(chats) {
            let chat = place % chats;
            let other = Number::parse(&(FIRST_CONTACT + chat).to_string()).expect("made-up numbers are numbers");
            let turn = place / chats;
            if turn == 0 {
                let (first, lap) = (NAMES[wrap(chat, NAMES.len())], chat / NAMES.len() as u64 + 1);
                self.people.phone_or_new(owner).address_book.insert(other, format!("{first} {lap}"));
            }
            let from = if (turn + chat) % 3 == 0 { owner } else { other };
            let line = LINES[wrap(place + turn, LINES.len())];
            self.add_old_message(owner, other, from, line, start_ms + place * STEP_MS);
        }
    }

    fn add_old_message(&mut self, owner: Number, other: Number, from: Number, line: &str, at_ms: u64) {
        let thread = Thread::direct(owner, other);
        let id = format!("3A{}", super::random_hex(9)).into();
        let message =
            Message { id, from, thread, at_ms, content: Content::text(line), sent: None, ack: 3, story: None };
        let index = self.messages.add(message);
        self.show_on_phones(index);
        for number in [owner, other] {
            if let Some(state) = self.people.phone_mut(number).and_then(|phone| phone.threads.get_mut(&thread)) {
                state.unread = 0;
            }
        }
    }
}

fn wrap(place: u64, length: usize) -> usize {
    usize::try_from(place % length as u64).expect("a remainder of a length fits")
}
