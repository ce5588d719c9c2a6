//! What a phone has: a name, a network, an address book, groups, a history to bring.

use axum::extract::{Path, State};
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::request::{Body, KnownPhone};
use crate::id::{ChatId, Number};
use crate::settings::HistorySize;
use crate::simulator::Simulator;
use crate::world::people::AddressBookEntry;

/// A phone, or what changes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneIs {
    name: Option<String>,
    airplane: Option<bool>,
    history: Option<HistoryIs>,
}

/// What it brings when it is first linked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryIs {
    chats: u32,
    messages: u32,
}

/// An entry of an address book.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Contact {
    number: Number,
    name: Option<String>,
    #[serde(default = "yes")]
    on_whats_app: bool,
    #[serde(default = "yes")]
    lid: bool,
    #[serde(default)]
    biz: bool,
}

/// A group that a phone makes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGroup {
    subject: String,
    participants: Vec<Number>,
}

fn yes() -> bool {
    true
}

/// `PUT /phones/{number}`
pub(crate) async fn put_phone(
    State(simulator): State<Simulator>,
    Path(written): Path<String>,
    Body(phone): Body<PhoneIs>,
) -> Result<Json<Value>, ApiError> {
    let number = Number::parse(&written)
        .ok_or_else(|| ApiError::Invalid(format!("'{written}' is not an international number of 5 to 15 digits")))?;
    simulator.with(|world| {
        world.name_phone(number, phone.name);
        let known = world.people.phone_or_new(number);
        known.held = true;
        if let Some(history) = phone.history {
            known.history = Some(HistorySize { history_chats: history.chats, history_messages: history.messages });
        }
        if let Some(on) = phone.airplane {
            world.set_airplane_mode(number, on);
        }
        Ok(Json(json!({"number": number, "name": world.people.pushname(number), "airplane": world.people.is_in_airplane_mode(number)})))
    })
}

/// `POST /phones/{number}/contacts`
pub(crate) async fn contacts(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(contacts): Body<Vec<Contact>>,
) -> Json<Value> {
    let entries: Vec<AddressBookEntry> = contacts
        .into_iter()
        .map(|contact| AddressBookEntry {
            number: contact.number,
            name: contact.name,
            on_whatsapp: contact.on_whats_app,
            has_lid: contact.lid,
            biz: contact.biz,
        })
        .collect();
    let count = entries.len();
    simulator.with(|world| world.write_address_book(owner, entries));
    Json(json!({"contacts": count}))
}

/// `POST /phones/{number}/groups`
pub(crate) async fn groups(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(group): Body<NewGroup>,
) -> Json<Value> {
    simulator.with(|world| {
        let id = world.put_group(None, Some(group.subject), owner, &group.participants);
        Json(json!({"id": ChatId::Group(id).to_string()}))
    })
}
