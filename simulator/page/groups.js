// Groups: subject, participants, who may what. Groups made since the migration address people by LID.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { createWid } from './wid.js';
import { me } from './login.js';
import { ContactCollection, learn } from './people.js';
import { socket } from './socket.js';
import { tables } from './storage.js';

class Participant extends BaseModel {
  defaults() {
    return { isAdmin: false, isSuperAdmin: false };
  }
}

class ParticipantCollection extends BaseCollection {
  iAmMember() {
    return this.some((participant) => me.is(participant.id));
  }

  iAmAdmin() {
    return this.some((participant) => me.is(participant.id) && participant.isAdmin);
  }

  iAmSuperAdmin() {
    return this.some((participant) => me.is(participant.id) && participant.isSuperAdmin);
  }
}

holds(ParticipantCollection, Participant);

export class GroupMetadata extends BaseModel {
  defaults() {
    return {
      subject: undefined,
      owner: undefined,
      creation: 0,
      desc: undefined,
      announce: false,
      restrict: false,
      isLidAddressingMode: true,
      groupType: 'DEFAULT',
    };
  }

  initialize() {
    Object.defineProperty(this, 'participants', { value: new ParticipantCollection() });
  }

  serialize() {
    return { ...super.serialize(), participants: this.participants.serialize() };
  }
}

class GroupMetadataCollectionImpl extends BaseCollection {
  gadd(id) {
    const wid = createWid(id);
    return this.get(wid) ?? this.add({ id: wid })[0];
  }

  async find(id) {
    const wid = createWid(id);
    return this.get(wid) ?? this.update(wid);
  }

  /** A community that a group joins or leaves; there are none here. */
  onParentGroupChange() {}

  /** Asks the server. */
  async update(id) {
    const group = await socket.ask('group', { id: String(id) });
    if (group) await learnGroups([group]);
    return this.gadd(id);
  }
}

holds(GroupMetadataCollectionImpl, GroupMetadata);

export const GroupMetadataCollection = new GroupMetadataCollectionImpl();

function show(group) {
  const model = GroupMetadataCollection.gadd(group.id);
  model.set({ subject: group.subject, owner: createWid(group.owner), creation: group.creation });
  ContactCollection.gadd(group.id).set({ name: group.subject });
  const ids = new Set(group.participants.map((participant) => participant.id));
  for (const gone of model.participants.filter((participant) => !ids.has(String(participant.id))))
    model.participants.remove(gone);
  for (const { id, admin } of group.participants) {
    const changes = { isAdmin: Boolean(admin), isSuperAdmin: id === group.owner };
    const present = model.participants.get(id);
    if (present) present.set(changes);
    else model.participants.add({ id: createWid(id), ...changes });
  }
}

/** Takes groups as the server sends them (PROTOCOL.md). */
export async function learnGroups(groups) {
  groups.forEach(show);
  const people = groups.flatMap((group) => group.participants).filter((one) => one.pn && one.id.endsWith('@lid'));
  await learn(people.map((one) => ({ id: one.pn, lid: one.id })));
  await tables['group-metadata'].bulkPut(groups);
}

export async function loadGroups() {
  (await tables['group-metadata'].all()).forEach(show);
}

socket.on('group', ({ group }) => learnGroups([group]));

define('WAWebGroupMetadataCollection', () => ({ default: GroupMetadataCollection }));

define('WAWebGroupQueryJob', () => ({
  queryAndUpdateGroupMetadataById: async ({ id }) => GroupMetadataCollection.update(createWid(id)),
}));
