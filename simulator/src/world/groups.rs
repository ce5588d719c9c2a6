//! Groups: a subject and who is in it.

use std::collections::{BTreeSet, HashMap};

use super::World;
use crate::frame::{ServerFrame, WireGroup, WireParticipant};
use crate::id::{ChatId, Number};

/// The digits that ids of groups begin with.
const FIRST_GROUP: u64 = 120_363_040_000_000_000;

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) subject: String,
    pub(crate) owner: Number,
    pub(crate) created_s: u64,
    pub(crate) members: BTreeSet<Number>,
}

/// All groups, by the digits of their id.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_id: HashMap<u64, Group>,
}

impl Groups {
    pub(crate) fn get(&self, id: u64) -> Option<&Group> {
        self.by_id.get(&id)
    }

    /// Who is in a group, in order.
    pub(crate) fn members(&self, id: u64) -> Vec<Number> {
        self.by_id.get(&id).map(|group| group.members.iter().copied().collect()).unwrap_or_default()
    }

    fn free_id(&self) -> u64 {
        let mut id = FIRST_GROUP + u64::from(rand::random::<u32>());
        while self.by_id.contains_key(&id) {
            id += 1;
        }
        id
    }

    fn of(&self, number: Number) -> impl Iterator<Item = (u64, &Group)> {
        self.by_id.iter().filter(move |(_, group)| group.members.contains(&number)).map(|(id, group)| (*id, group))
    }
}

impl World {
    /// Makes a group, or changes the one with this id, and tells everybody in it.
    pub(crate) fn put_group(
        &mut self,
        id: Option<u64>,
        subject: Option<String>,
        owner: Number,
        members: &[Number],
    ) -> u64 {
        let id = id.unwrap_or_else(|| self.groups.free_id());
        let group = self.groups.by_id.entry(id).or_insert_with(|| Group {
            subject: "Group".to_owned(),
            owner,
            created_s: super::now_s(),
            members: BTreeSet::from([owner]),
        });
        let known = group.members.len();
        group.members.extend(members);
        let renamed = subject.is_some_and(|subject| {
            let other = group.subject != subject;
            group.subject = subject;
            other
        });
        if renamed || group.members.len() != known || known == 1 {
            let frame = ServerFrame::Group { group: self.wire_group(id).expect("the group was just put") };
            for token in self.groups.members(id).into_iter().flat_map(|member| self.devices.of(member)) {
                self.push(&token, &frame);
            }
        }
        self.changed = true;
        id
    }

    /// A group as pages receive it.
    pub(crate) fn wire_group(&self, id: u64) -> Option<WireGroup> {
        let group = self.groups.get(id)?;
        let participants = group.members.iter().map(|member| WireParticipant {
            id: self.people.chat_with(*member).to_string(),
            pn: member.pn(),
            admin: *member == group.owner,
        });
        Some(WireGroup {
            id: ChatId::Group(id).to_string(),
            subject: group.subject.clone(),
            owner: self.people.chat_with(group.owner).to_string(),
            creation: group.created_s,
            participants: participants.collect(),
        })
    }

    /// The groups that a number is in.
    pub(crate) fn groups_of(&self, number: Number) -> Vec<WireGroup> {
        let mut groups: Vec<WireGroup> = self.groups.of(number).filter_map(|(id, _)| self.wire_group(id)).collect();
        groups.sort_by(|one, other| one.id.cmp(&other.id));
        groups
    }
}
