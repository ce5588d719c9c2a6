// Chats: the model, the collection Chat, finding and creating one, loading its messages.
//
// A chat asked for by number is the chat of that person's LID; by the number `Chat.get` then finds nothing. Looking for a
// chat makes one, for anybody: it is no check of whether somebody is on WhatsApp.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { ChatMsgCollection, MsgCollection, decideLoaded, inOrder, modelOfRow } from './messages.js';
import { ContactCollection, chatForm, nameOf } from './people.js';
import { GroupMetadataCollection } from './groups.js';
import { PresenceCollection } from './presence.js';
import { createWid } from './wid.js';
import { tables } from './storage.js';

const PAGE_OF_MESSAGES = 50;

class Mute extends BaseModel {
  defaults() {
    return { expiration: 0 };
  }

  get isMuted() {
    return this.expiration !== 0;
  }

  canMute() {
    return true;
  }

  async mute({ expiration }) {
    this.set({ expiration });
  }

  async unmute() {
    this.set({ expiration: 0 });
  }
}

// What a chat says of itself, from its attributes alone: clients replace the getters of the model by calls of the
// getters' modules, so neither may build on the other.

const contactOf = (chat) => ContactCollection.gadd(chat.attributes.id);
const groupOf = ({ attributes }) => (attributes.id.isGroup() ? GroupMetadataCollection.gadd(attributes.id) : undefined);
const presenceOf = (chat) => PresenceCollection.gadd(chat.attributes.id);

/** The subject of a group, the name of a person. */
export function titleOf(chat) {
  const group = groupOf(chat);
  return group ? (group.subject ?? chat.attributes.name ?? '') : nameOf(contactOf(chat));
}

// The getters answer undefined on the prototype, where clients look for what is missing.
export class Chat extends BaseModel {
  defaults() {
    return { unreadCount: 0, archive: false, pin: undefined, t: 0, name: undefined, isLocked: false, labels: [] };
  }

  initialize() {
    Object.defineProperty(this, 'msgs', { value: new ChatMsgCollection() });
    Object.defineProperty(this, 'mute', { value: new Mute({ id: this.id }) });
    Object.defineProperty(this, 'loaded', { value: false, writable: true });
    Object.defineProperty(this, 'last', { value: undefined, writable: true });
  }

  get formattedTitle() {
    return this.attributes && titleOf(this);
  }

  get contact() {
    return this.attributes && contactOf(this);
  }

  get groupMetadata() {
    return this.attributes && groupOf(this);
  }

  get presence() {
    return this.attributes && presenceOf(this);
  }

  get isGroup() {
    return this.attributes?.id.isGroup();
  }

  get muteExpiration() {
    return this.mute?.expiration;
  }

  get lastReceivedKey() {
    return this.last?.id;
  }

  getAllMsgs() {
    return this.msgs.getModelsArray();
  }

  serialize() {
    return {
      ...super.serialize(),
      formattedTitle: titleOf(this),
      muteExpiration: this.muteExpiration,
      msgs: this.msgs.serialize(),
    };
  }
}

Chat.prototype.proxyName = 'chat';

class ChatCollectionImpl extends BaseCollection {
  async find(id) {
    return (await findOrCreateLatestChat(createWid(id))).chat;
  }

  findImpl(id) {
    return this.find(id);
  }

  gadd(id) {
    const wid = createWid(id);
    return this.get(wid) ?? this.add({ id: wid })[0];
  }

  getActive() {
    return this.models.find((chat) => chat.attributes.active);
  }
}

holds(ChatCollectionImpl, Chat);

export const ChatCollection = new ChatCollectionImpl();

decideLoaded((id) => ChatCollection.get(id)?.loaded === true);

async function findOrCreateLatestChat(wid) {
  if (typeof wid?.isUser !== 'function') throw new TypeError('e.isUser is not a function');
  const id = await chatForm(wid);
  const present = ChatCollection.get(id);
  if (present) return { chat: present, created: false };
  const chat = ChatCollection.gadd(id);
  chat.loaded = true;
  await storeChat(chat);
  return { chat, created: true };
}

/** The chat of a message, made if need be; what is made now has no older messages to load. */
export async function chatOf(id) {
  const present = ChatCollection.get(id);
  if (present) return present;
  const chat = ChatCollection.gadd(id);
  chat.loaded = true;
  await storeChat(chat);
  return chat;
}

export function storeChats(chats) {
  return tables.chat.bulkPut(
    chats.map((chat) => {
      const { name, unreadCount, archive, pin, t } = chat.attributes;
      return { id: String(chat.id), name, unreadCount, archive, pin, t, lastKey: String(chat.last?.id ?? '') };
    }),
  );
}

export const storeChat = (chat) => storeChats([chat]);

/** Takes chats as the server sends them (PROTOCOL.md). */
export async function learnChats(chats) {
  for (const { id, name, unreadCount, t, archived } of chats) {
    const chat = ChatCollection.gadd(id);
    chat.set({ name, unreadCount: unreadCount ?? 0, t: t ?? 0, archive: Boolean(archived) });
  }
  await storeChats(chats.map(({ id }) => ChatCollection.get(id)));
}

/** Puts a message into memory and into its chat; fires `add` on Msg, with `isNewMsg` as the message says. */
export function show(message, chat) {
  const model = MsgCollection.add(message)[0];
  chat.msgs.add(model);
  if (!chat.last || model.t >= chat.last.t) chat.last = model;
  if (model.t > chat.t) chat.set({ t: model.t });
  return model;
}

/** Takes a message out of memory; it stays in the message table. */
export function putAway(message, chat) {
  chat.msgs.remove(message, { silent: true });
  MsgCollection.remove(message, { silent: true });
}

/** The keys of the newest of others' messages, as many as the chat counts unread; also of those not in memory. */
export async function unreadKeys(chat) {
  if (chat.unreadCount <= 0) return [];
  const rows = await tables.message.where('chat', String(chat.id));
  const theirs = rows.filter((row) => row.id.startsWith('false_') && row.type !== 'e2e_notification').sort(inOrder);
  return theirs.slice(-chat.unreadCount).map((row) => row.id);
}

/** At the start: the chats, each with its last message. */
export async function loadChats() {
  const rows = await tables.chat.all();
  for (const { lastKey: _lastKey, ...row } of rows) ChatCollection.add({ ...row, id: createWid(row.id) });
  const last = await tables.message.bulkGet(rows.map((row) => row.lastKey || 'none'));
  for (const row of last) {
    const chat = row && ChatCollection.get(row.chatId);
    if (chat) show(modelOfRow(row), chat);
  }
}

/** One page of messages before those in memory; undefined when there are none. */
async function loadEarlierMsgs(given) {
  const chat = given.chat ?? given;
  chat.loaded = true;
  const rows = (await tables.message.where('chat', String(chat.id))).sort(inOrder);
  const missing = rows.filter((row) => !chat.msgs.get(row.id)).slice(-PAGE_OF_MESSAGES);
  if (!missing.length) {
    chat.msgs.msgLoadState.set({ noEarlierMsgs: true });
    return undefined;
  }
  return missing.map((row) => {
    const model = modelOfRow(row);
    chat.msgs.add(model);
    return model;
  });
}

define('WAWebChatLoadMessages', () => ({
  loadEarlierMsgs,
  loadRecentMsgs: loadEarlierMsgs,
}));

define('WAWebFindChatAction', () => ({
  findOrCreateLatestChat,
  findExistingChat: async (wid) => ChatCollection.get(await chatForm(createWid(wid))),
}));

define('WAWebChatCollection', () => ({ ChatCollection, ChatCollectionImpl }));
define('WAWebChatModel', () => ({ Chat }));

define('WAWebChatGetters', () => ({
  getId: (chat) => chat.id,
  getName: (chat) => chat.attributes.name,
  getT: (chat) => chat.attributes.t,
  getUnreadCount: (chat) => chat.attributes.unreadCount,
  getHasUnread: (chat) => chat.attributes.unreadCount !== 0,
  getArchive: (chat) => chat.attributes.archive,
  getPin: (chat) => chat.attributes.pin,
  getLabels: (chat) => chat.attributes.labels,
  getIsUser: (chat) => chat.id.isUser(),
  getIsGroup: (chat) => chat.id.isGroup(),
  getIsBroadcast: (chat) => chat.id.isBroadcast(),
  getIsNewsletter: (chat) => chat.id.isNewsletter(),
  getIsBot: (chat) => chat.id.isBot(),
  getIsPSA: (chat) => chat.id.isPSA(),
  getIsReadOnly: () => false,
  getIsLocked: (chat) => chat.attributes.isLocked,
  getIsIAS: () => false,
  getMuteExpiration: (chat) => chat.mute.expiration,
}));

define('WAWebFrontendChatGetters', () => ({
  getContact: contactOf,
  getFormattedTitle: titleOf,
  getGroupMetadata: groupOf,
  getMsgs: (chat) => chat.msgs,
  getMute: (chat) => chat.mute,
  getPresence: presenceOf,
  getShouldAppearInList: () => true,
  getActive: (chat) => chat.attributes.active === true,
}));
