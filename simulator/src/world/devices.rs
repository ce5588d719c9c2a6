//! Linked devices: who they are, and what waits for them.
//!
//! Two queues a device: incoming messages, until their delivery is confirmed by key, and numbered frames (acks, edits,
//! reactions ...), until their number is confirmed. Both survive a lost connection and are delivered at the next one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::World;
use super::messages::MessageIndex;
use super::pages::PageId;
use crate::frame::{Me, ServerFrame};
use crate::id::Number;

/// Numbered frames that may wait for one device; the oldest go first.
const NUMBERED_FRAMES: usize = 20_000;

/// What a page keeps as its login.
pub(crate) type Token = Arc<str>;

/// A linked device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) number: Number,
    pub(crate) me: Me,
    /// The page it is connected with.
    pub(crate) page: Option<PageId>,
    pub(crate) sync: SyncState,
    waiting: VecDeque<MessageIndex>,
    numbered: BTreeMap<u64, String>,
    last_n: u64,
}

/// How far the syncs after linking have come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SyncState {
    pub(crate) critical_done: bool,
    pub(crate) history_done: bool,
}

/// All linked devices, by token.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    by_token: HashMap<Token, Device>,
    by_number: HashMap<Number, Vec<Token>>,
    last_device_id: u32,
}

impl Device {
    /// An incoming message waits until [`Device::forget_waiting`].
    pub(crate) fn wait_for(&mut self, message: MessageIndex) {
        self.waiting.push_back(message);
    }

    /// The messages that wait, oldest first.
    pub(crate) fn waiting(&self) -> impl ExactSizeIterator<Item = MessageIndex> {
        self.waiting.iter().copied()
    }

    /// The page has stored this message.
    pub(crate) fn forget_waiting(&mut self, message: MessageIndex) {
        if let Some(place) = self.waiting.iter().position(|waiting| *waiting == message) {
            self.waiting.remove(place);
        }
    }

    /// Gives a frame its number and keeps it until [`Device::confirmed`]; the text is ready for the wire.
    pub(crate) fn number_frame(&mut self, frame: &ServerFrame) -> String {
        self.last_n += 1;
        let text = frame.to_text(Some(self.last_n));
        self.numbered.insert(self.last_n, text.clone());
        if self.numbered.len() > NUMBERED_FRAMES {
            self.numbered.pop_first();
        }
        text
    }

    /// The page has stored these numbered frames.
    pub(crate) fn confirmed(&mut self, numbers: &[u64]) {
        for n in numbers {
            self.numbered.remove(n);
        }
    }

    /// The numbered frames that wait, oldest first.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = &String> {
        self.numbered.values()
    }
}

impl Devices {
    /// A device's number; none is used twice.
    pub(crate) fn next_device_id(&mut self) -> u32 {
        self.last_device_id += 1;
        self.last_device_id
    }

    /// Links a device to a number.
    pub(crate) fn link(&mut self, token: Token, number: Number, me: Me) {
        self.by_number.entry(number).or_default().push(token.clone());
        let device = Device {
            number,
            me,
            page: None,
            sync: SyncState::default(),
            waiting: VecDeque::new(),
            numbered: BTreeMap::new(),
            last_n: 0,
        };
        self.by_token.insert(token, device);
    }

    /// Forgets a device.
    pub(crate) fn unlink(&mut self, token: &Token) -> Option<Device> {
        let device = self.by_token.remove(token)?;
        if let Some(tokens) = self.by_number.get_mut(&device.number) {
            tokens.retain(|other| other != token);
        }
        Some(device)
    }

    pub(crate) fn get(&self, token: &str) -> Option<&Device> {
        self.by_token.get(token)
    }

    pub(crate) fn get_mut(&mut self, token: &str) -> Option<&mut Device> {
        self.by_token.get_mut(token)
    }

    /// The token as it is stored, if it is known.
    pub(crate) fn token(&self, token: &str) -> Option<Token> {
        self.by_token.get_key_value(token).map(|(token, _)| token.clone())
    }

    /// The devices linked to a number, oldest first.
    pub(crate) fn of(&self, number: Number) -> Vec<Token> {
        self.by_number.get(&number).cloned().unwrap_or_default()
    }

    /// The devices of everybody.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Token, &Device)> {
        self.by_token.iter()
    }

    /// How many are linked to a number.
    pub(crate) fn count_of(&self, number: Number) -> usize {
        self.by_number.get(&number).map_or(0, Vec::len)
    }

    /// How many are linked in all.
    pub(crate) fn count(&self) -> usize {
        self.by_token.len()
    }
}

impl World {
    /// Sends a frame to a device if it is connected; otherwise the frame is lost, as it would be.
    pub(crate) fn push(&self, token: &str, frame: &ServerFrame) {
        let page = self.devices.get(token).and_then(|device| device.page);
        if let Some(page) = page.and_then(|page| self.pages.get(page)) {
            page.push(frame);
        }
    }

    /// Sends a frame that comes again until the device confirms it.
    pub(crate) fn push_numbered(&mut self, token: &str, frame: &ServerFrame) {
        let Some(device) = self.devices.get_mut(token) else {
            return;
        };
        let text = device.number_frame(frame);
        if let Some(page) = device.page.and_then(|page| self.pages.get(page)) {
            page.push_text(text);
        }
    }

    /// Sends a numbered frame to every device of a number.
    pub(crate) fn push_numbered_to_all(&mut self, number: Number, frame: &ServerFrame) {
        for token in self.devices.of(number) {
            self.push_numbered(&token, frame);
        }
    }
}
