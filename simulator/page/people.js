// People: their contacts, and which LID belongs to which number.
//
// A person with a LID has two contacts, as in the real app since the migration to LIDs: one by number, in the address book,
// and one by LID, which chats refer to and which carries `phoneNumber`.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { createWid, Wid } from './wid.js';
import { me } from './login.js';
import { socket } from './socket.js';
import { tables } from './storage.js';

const byPn = new Map();
const byLid = new Map();

// What a contact says of itself, from its attributes alone: clients replace the getters of the model by calls of the
// getters' modules, so neither may build on the other.

/** The name in the address book, or the one somebody gave themselves, or the number. */
export function nameOf(contact) {
  const { id, name, pushname, phoneNumber } = contact.attributes;
  if (id.isGroup()) return name ?? '';
  return name ?? pushname ?? `+${(phoneNumber ?? id).user}`;
}

export const isMyContact = ({ attributes }) => attributes.id.isUser() && attributes.name !== undefined;
export const isOnWhatsApp = ({ attributes }) => attributes.onWhatsApp !== false;
export const isBlocked = ({ attributes }) => attributes.blocked === true;

// The getters answer undefined on the prototype, where clients look for what is missing.
export class Contact extends BaseModel {
  defaults() {
    return { name: undefined, shortName: undefined, pushname: undefined, type: 'in', isBusiness: false, labels: [] };
  }

  get formattedName() {
    return this.attributes && nameOf(this);
  }

  get isUser() {
    return this.attributes?.id.isUser();
  }

  get isGroup() {
    return this.attributes?.id.isGroup();
  }

  get isContactBlocked() {
    return this.attributes && isBlocked(this);
  }

  serialize() {
    const { onWhatsApp: _onWhatsApp, blocked: _blocked, ...rest } = super.serialize();
    return { ...rest, formattedName: nameOf(this) };
  }
}

Contact.prototype.proxyName = 'contact';

class ContactCollectionImpl extends BaseCollection {
  async find(id) {
    const wid = createWid(id);
    if (wid.isUser()) await resolve(wid);
    return this.gadd(wid);
  }

  gadd(id) {
    const wid = createWid(id);
    return this.get(wid) ?? this.add({ id: wid, ...attributesOf(wid) })[0];
  }

  getMeContact() {
    return this.gadd(me.lid() ?? me.pn());
  }
}

holds(ContactCollectionImpl, Contact);

export const ContactCollection = new ContactCollectionImpl();

function personOf(wid) {
  return wid.isLid() ? byLid.get(String(wid)) : byPn.get(String(wid));
}

function attributesOf(wid) {
  const person = personOf(wid);
  if (!person) return {};
  return {
    name: person.name,
    shortName: person.name?.split(' ')[0],
    pushname: person.pushname,
    isBusiness: person.biz === true,
    onWhatsApp: person.onWhatsApp,
    ...(wid.isLid() ? { phoneNumber: createWid(person.id) } : {}),
  };
}

function index(person) {
  if (person.id) byPn.set(person.id, person);
  if (person.lid) byLid.set(person.lid, person);
}

function show(person) {
  for (const id of [person.id, person.lid]) {
    if (!id) continue;
    const wid = createWid(id);
    const contact = ContactCollection.get(wid);
    if (contact) contact.set(attributesOf(wid));
    else ContactCollection.add({ id: wid, ...attributesOf(wid) });
  }
}

/** Takes contacts as the server sends them (PROTOCOL.md), shows and stores them. */
export async function learn(contacts) {
  const merged = contacts.map((contact) => {
    const known = byPn.get(contact.id) ?? byLid.get(contact.lid);
    const given = Object.fromEntries(Object.entries(contact).filter(([, value]) => value !== undefined));
    return { ...known, ...given };
  });
  merged.forEach(index);
  merged.forEach(show);
  await tables.contact.bulkPut(merged.filter((person) => person.id));
}

/** Takes the name that somebody gave themselves, from a message of theirs. */
export async function learnName(wid, pushname) {
  const known = personOf(wid) ?? (wid.isLid() ? { lid: String(wid) } : { id: String(wid) });
  if (known.pushname === pushname) return;
  const person = { ...known, pushname };
  index(person);
  show(person);
  if (person.id) await tables.contact.put(person);
}

socket.on('contacts', ({ contacts }) => learn(contacts));

export async function loadPeople() {
  const rows = await tables.contact.all();
  rows.forEach(index);
  rows.forEach(show);
}

/** The LID of a number: a Wid, null when there is none, undefined when we never asked. */
function lidOf(wid) {
  if (wid.isLid()) return wid;
  if (String(wid) === String(me.pn())) return me.lid() ?? null;
  const person = byPn.get(String(wid));
  if (!person || person.lid === undefined) return undefined;
  return person.lid === null ? null : createWid(person.lid);
}

/** The number of a LID, undefined when unknown. */
export function pnOf(wid) {
  if (wid.server === 'c.us') return wid;
  if (String(wid) === String(me.lid())) return me.pn();
  return createWid(byLid.get(String(wid))?.id);
}

/** Asks the server for the other form, unless it is known. */
async function resolve(wid) {
  const known = wid.isLid() ? pnOf(wid) : lidOf(wid);
  if (known !== undefined) return;
  const answer = await socket.ask('lid', { user: String(wid) });
  if (answer?.pn) await learn([{ id: answer.pn, lid: answer.lid ?? null }]);
}

/** The form a chat with this person has: the LID if there is one. */
export async function chatForm(wid) {
  if (wid.server !== 'c.us') return wid;
  await resolve(wid);
  return lidOf(wid) ?? wid;
}

async function queryWidExists(wid) {
  if (!(wid instanceof Wid)) throw new TypeError('e.isLid is not a function');
  const answer = await socket.ask('exists', { user: String(wid) });
  if (!answer) return null;
  const pn = answer.wid.endsWith('@lid') ? undefined : answer.wid;
  if (pn) await learn([{ id: pn, lid: answer.lid ?? null }]);
  return {
    wid: createWid(answer.wid),
    lid: createWid(answer.lid),
    biz: Boolean(answer.biz),
    bizInfo: undefined,
    disappearingMode: undefined,
    status: undefined,
  };
}

const numberOnly = (text) => createWid(`${String(text).replace(/\D/g, '')}@c.us`);

define('WAWebQueryExistsJob', () => ({
  queryWidExists,
  queryPhoneExists: (phone) => queryWidExists(numberOnly(phone)),
  queryExist: (wid) => queryWidExists(wid),
}));

define('WAWebApiContact', () => ({
  getCurrentLid: (wid) => lidOf(wid) ?? undefined,
  getLatestLid: (wid) => lidOf(wid) ?? undefined,
  getPhoneNumber: (wid) => pnOf(wid),
  getAlternateUserWid: (wid) => (wid.isLid() ? pnOf(wid) : lidOf(wid)) ?? undefined,
  lidPnCache: {
    getCurrentLid: (wid) => lidOf(wid) ?? undefined,
    getPhoneNumber: (wid) => pnOf(wid),
  },
  isAddressBookContact: (wid) => personOf(wid)?.name !== undefined,
}));

const toUserLid = (wid) => (wid?.isLid() ? wid : wid && (lidOf(wid) ?? undefined));

function orThrow(convert, name) {
  return (wid) => {
    const converted = convert(wid);
    if (!converted) throw new Error(`${name}: no mapping for ${wid}`);
    return converted;
  };
}

const toPn = (wid) => wid && pnOf(wid);

define('WAWebLidMigrationUtils', () => ({
  toPn,
  toLid: toUserLid,
  toUserLid,
  toPnOrThrow: orThrow(toPn, 'toPnOrThrow'),
  toUserLidOrThrow: orThrow(toUserLid, 'toUserLidOrThrow'),
  chatIsLid: (chat) => chat.id.isLid(),
  shouldHaveAccountLid: (wid) => wid.isRegularUser(),
  getMeUserLidOrJidForChat: (chat) => (usesLid(chat) ? me.lid() : me.pn()),
}));

function usesLid(chat) {
  if (chat.id.isGroup()) return chat.groupMetadata?.isLidAddressingMode ?? true;
  return chat.id.isLid();
}

define('WAWebContactCollection', () => ({ ContactCollection, ContactCollectionImpl }));
define('WAWebContactModel', () => ({ default: Contact }));
