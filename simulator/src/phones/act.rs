//! What people do besides writing: acks by hand, reactions, edits, revokes, votes, calls, typing.

use axum::extract::State;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::request::{Body, KnownPhone};
use crate::id::{ChatId, Number, Thread};
use crate::simulator::Simulator;
use crate::world::aftermath::{Act, Change};
use crate::world::incoming::PhoneError;
use crate::world::messages::MessageIndex;
use crate::world::{World, random_hex};

/// An ack for a message that a page sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AckOf {
    id: String,
    ack: i8,
}

/// A reaction to a message; by whom, if not by the other side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReactionTo {
    id: String,
    text: String,
    from: Option<Number>,
}

/// A new text of a message, by its author.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditOf {
    id: String,
    body: String,
}

/// A message that its author takes back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeOf {
    id: String,
}

/// All options that somebody has chosen now.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoteIn {
    id: String,
    options: Vec<String>,
    from: Option<Number>,
}

/// Somebody calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallFrom {
    from: Number,
    #[serde(default)]
    video: bool,
    #[serde(default)]
    group: bool,
}

/// Somebody types, records, comes or goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PresenceOf {
    from: Number,
    state: PresenceState,
    group: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PresenceState {
    Available,
    Unavailable,
    Composing,
    Recording,
    Paused,
}

impl PresenceState {
    fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Unavailable => "unavailable",
            Self::Composing => "composing",
            Self::Recording => "recording",
            Self::Paused => "paused",
        }
    }
}

type Answer = Result<Json<Value>, ApiError>;

/// `POST /phones/{number}/ack`
pub(crate) async fn ack(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(of): Body<AckOf>,
) -> Answer {
    if !(-1..=4).contains(&of.ack) {
        return Err(ApiError::Invalid(format!("ack: {} is not one of -1 to 4", of.ack)));
    }
    simulator.with(|world| {
        let index = world.messages.find(owner, &of.id).ok_or(PhoneError::NoMessage(of.id))?;
        world.ack_by_hand(owner, index, of.ack);
        Ok(Json(json!({"ack": of.ack})))
    })
}

/// `POST /phones/{number}/react`
pub(crate) async fn react(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(to): Body<ReactionTo>,
) -> Answer {
    simulator.with(|world| {
        let index = message(world, owner, to.id)?;
        let author = to.from.unwrap_or_else(|| other_side(world, owner, index));
        act_on(world, index, author, Change::React(to.text))
    })
}

/// `POST /phones/{number}/edit`
pub(crate) async fn edit(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(of): Body<EditOf>,
) -> Answer {
    simulator.with(|world| {
        let index = message(world, owner, of.id)?;
        let author = world.messages.get(index).from;
        act_on(world, index, author, Change::Edit(of.body))
    })
}

/// `POST /phones/{number}/revoke`
pub(crate) async fn revoke(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(of): Body<RevokeOf>,
) -> Answer {
    simulator.with(|world| {
        let index = message(world, owner, of.id)?;
        let author = world.messages.get(index).from;
        act_on(world, index, author, Change::Revoke)
    })
}

/// `POST /phones/{number}/vote`
pub(crate) async fn vote(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(vote): Body<VoteIn>,
) -> Answer {
    simulator.with(|world| {
        let index = message(world, owner, vote.id)?;
        let author = vote.from.unwrap_or_else(|| other_side(world, owner, index));
        act_on(world, index, author, Change::Vote(vote.options))
    })
}

/// `POST /phones/{number}/call`
pub(crate) async fn call(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(call): Body<CallFrom>,
) -> Answer {
    simulator.with(|world| {
        if world.people.is_in_airplane_mode(call.from) {
            return Err(PhoneError::Airplane(call.from).into());
        }
        Ok(Json(json!({"id": world.call(owner, call.from, call.video, call.group)})))
    })
}

/// `POST /phones/{number}/presence`
pub(crate) async fn presence(
    State(simulator): State<Simulator>,
    KnownPhone(owner): KnownPhone,
    Body(of): Body<PresenceOf>,
) -> Answer {
    simulator.with(|world| {
        let thread = match of.group.as_deref().map(ChatId::parse) {
            None => Thread::direct(owner, of.from),
            Some(Some(ChatId::Group(id))) if world.groups.members(id).contains(&of.from) => Thread::Group(id),
            Some(_) => return Err(PhoneError::NoGroup.into()),
        };
        world.show_presence(owner, thread, of.from, of.state.name());
        Ok(Json(json!({"state": of.state.name()})))
    })
}

fn message(world: &World, owner: Number, id: String) -> Result<MessageIndex, ApiError> {
    Ok(world.find_message(owner, &id).ok_or(PhoneError::NoMessage(id))?)
}

/// Who is meant when a call does not say by whom: the other one, or in a group the author, or anybody else in it.
fn other_side(world: &World, owner: Number, index: MessageIndex) -> Number {
    let message = world.messages.get(index);
    match message.thread.peer(owner) {
        Some(peer) => peer,
        None if message.from != owner => message.from,
        None => world.members(message.thread).into_iter().find(|member| *member != owner).unwrap_or(owner),
    }
}

fn act_on(world: &mut World, index: MessageIndex, author: Number, change: Change) -> Answer {
    let act = Act { author, id: format!("3A{}", random_hex(9)), change };
    world.change(index, &act, None)?;
    Ok(Json(json!({"id": act.id, "from": author})))
}
