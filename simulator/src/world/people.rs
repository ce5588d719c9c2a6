//! People: who is on WhatsApp under which ids, and the phones that we hold.

use std::collections::{BTreeMap, HashMap};

use super::World;
use super::acks::PlannedAck;
use super::messages::MessageIndex;
use crate::frame::{ServerFrame, WireContact};
use crate::id::{ChatId, Form, Number, Thread};
use crate::settings::HistorySize;

/// What is known of a number. Whoever is not known is on WhatsApp, with a LID and without a name.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) pushname: Option<String>,
    pub(crate) on_whatsapp: bool,
    pub(crate) has_lid: bool,
    pub(crate) biz: bool,
}

impl Default for Person {
    fn default() -> Self {
        Self { pushname: None, on_whatsapp: true, has_lid: true, biz: false }
    }
}

/// A phone: one that scanned, one that was put here, or one that a message reached.
#[derive(Debug, Default)]
pub(crate) struct Phone {
    /// Since when it has no network, in milliseconds since 1970.
    pub(crate) airplane_since_ms: Option<u64>,
    /// A person holds it: it was scanned with, or put here. The others only were written to.
    pub(crate) held: bool,
    /// A message reached it since the start; made-up histories do not count.
    pub(crate) reached: bool,
    pub(crate) address_book: BTreeMap<Number, String>,
    pub(crate) threads: HashMap<Thread, ThreadState>,
    /// Acks that it will give when it has a network again.
    pub(crate) owed_acks: Vec<PlannedAck>,
    /// The history that it brings when it is first linked.
    pub(crate) history: Option<HistorySize>,
    pub(crate) history_made: bool,
    /// Who typed or recorded what last in a conversation, and when (milliseconds since 1970).
    pub(crate) seen_states: HashMap<Thread, (Number, String, u64)>,
    /// Whether one of its pages says that the person is there.
    pub(crate) available: bool,
}

/// A conversation as one phone has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadState {
    pub(crate) unread: u32,
    pub(crate) last: MessageIndex,
    pub(crate) at_ms: u64,
}

/// Everybody.
#[derive(Debug, Default)]
pub(crate) struct People {
    persons: HashMap<Number, Person>,
    phones: BTreeMap<Number, Phone>,
}

impl People {
    /// Whether a number is on WhatsApp.
    pub(crate) fn on_whatsapp(&self, number: Number) -> bool {
        self.persons.get(&number).is_none_or(|person| person.on_whatsapp)
    }

    /// The id under which a person's chats run.
    pub(crate) fn form(&self, number: Number) -> Form {
        if self.persons.get(&number).is_none_or(|person| person.has_lid) { Form::Lid } else { Form::Number }
    }

    /// The chat with a person, by the id under which it runs.
    pub(crate) fn chat_with(&self, number: Number) -> ChatId {
        ChatId::Person(number, self.form(number))
    }

    /// The name that a person gave themself, or their number.
    pub(crate) fn pushname(&self, number: Number) -> String {
        let name = self.persons.get(&number).and_then(|person| person.pushname.clone());
        name.unwrap_or_else(|| format!("+{number}"))
    }

    pub(crate) fn is_business(&self, number: Number) -> bool {
        self.persons.get(&number).is_some_and(|person| person.biz)
    }

    pub(crate) fn person_mut(&mut self, number: Number) -> &mut Person {
        self.persons.entry(number).or_default()
    }

    pub(crate) fn phone(&self, number: Number) -> Option<&Phone> {
        self.phones.get(&number)
    }

    pub(crate) fn phone_mut(&mut self, number: Number) -> Option<&mut Phone> {
        self.phones.get_mut(&number)
    }

    /// The phone of this number, new if need be.
    pub(crate) fn phone_or_new(&mut self, number: Number) -> &mut Phone {
        self.phones.entry(number).or_default()
    }

    pub(crate) fn phones(&self) -> impl Iterator<Item = (Number, &Phone)> {
        self.phones.iter().map(|(number, phone)| (*number, phone))
    }

    /// Whether a phone has no network.
    pub(crate) fn is_in_airplane_mode(&self, number: Number) -> bool {
        self.phones.get(&number).is_some_and(|phone| phone.airplane_since_ms.is_some())
    }

    /// A person as the devices of `owner` know them.
    pub(crate) fn contact(&self, owner: Number, number: Number) -> WireContact {
        WireContact {
            id: number.pn(),
            lid: (self.form(number) == Form::Lid).then(|| number.id(Form::Lid)),
            name: self.phones.get(&owner).and_then(|phone| phone.address_book.get(&number).cloned()),
            pushname: self.persons.get(&number).and_then(|person| person.pushname.clone()).unwrap_or_default(),
            on_whats_app: self.on_whatsapp(number),
            biz: self.is_business(number),
        }
    }

    /// How `owner` calls a person: as in the address book, else as they call themself.
    pub(crate) fn display_name(&self, owner: Number, number: Number) -> String {
        let written = self.phones.get(&owner).and_then(|phone| phone.address_book.get(&number));
        written.cloned().unwrap_or_else(|| self.pushname(number))
    }
}

/// An entry of a phone's address book.
#[derive(Debug)]
pub(crate) struct AddressBookEntry {
    pub(crate) number: Number,
    pub(crate) name: Option<String>,
    pub(crate) on_whatsapp: bool,
    pub(crate) has_lid: bool,
    pub(crate) biz: bool,
}

impl World {
    /// Gives a number its own name, if one is said.
    pub(crate) fn name_phone(&mut self, number: Number, name: Option<String>) {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            self.people.person_mut(number).pushname = Some(name);
            self.changed = true;
        }
    }

    /// Writes entries into a phone's address book and tells its devices.
    pub(crate) fn write_address_book(&mut self, owner: Number, entries: Vec<AddressBookEntry>) {
        let mut contacts = Vec::with_capacity(entries.len());
        for entry in entries {
            let person = self.people.person_mut(entry.number);
            (person.on_whatsapp, person.has_lid, person.biz) = (entry.on_whatsapp, entry.has_lid, entry.biz);
            if let Some(name) = entry.name {
                self.people.phone_or_new(owner).address_book.insert(entry.number, name);
            }
            contacts.push(self.people.contact(owner, entry.number));
        }
        let frame = ServerFrame::Contacts { contacts };
        for token in self.devices.of(owner) {
            self.push(&token, &frame);
        }
        self.changed = true;
    }

    /// Takes a phone's network away or gives it back; back, it gives the acks that it owes.
    pub(crate) fn set_airplane_mode(&mut self, number: Number, on: bool) {
        let phone = self.people.phone_or_new(number);
        if on {
            phone.airplane_since_ms.get_or_insert_with(super::now_ms);
        } else {
            phone.airplane_since_ms = None;
            for owed in std::mem::take(&mut phone.owed_acks) {
                self.schedule.after_ms(0, super::schedule::Due::Ack(owed));
            }
        }
        self.changed = true;
    }
}
