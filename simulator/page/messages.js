// Messages: the model, the collection Msg, and their rows in the message table.
//
// After a start only the last message of each chat is in memory; the others come when their chat is loaded. Until then
// `getMessagesById` does not know them, while the message table (`WAWebDBMsgUtils`) does.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { MsgKey } from './msgkey.js';
import { Wid, createWid } from './wid.js';
import { tables } from './storage.js';

const WID_FIELDS = ['from', 'to', 'author', 'quotedParticipant', 'quotedRemoteJid'];
const KEY_FIELDS = ['id', 'protocolMessageKey', 'latestEditMsgKey'];
const NOTIFICATIONS = ['e2e_notification', 'gp2', 'notification', 'notification_template', 'protocol', 'call_log'];
export const MEDIA_TYPES = ['image', 'video', 'audio', 'ptt', 'document', 'sticker'];

// The getters answer undefined on the prototype, where clients look for what is missing.
export class Msg extends BaseModel {
  defaults() {
    return { ack: 0, isNewMsg: false, star: false, isForwarded: false, mentionedJidList: [], groupMentions: [] };
  }

  get isEphemeral() {
    return this.attributes && Boolean(this.attributes.ephemeralDuration);
  }

  get isStatusV3() {
    return this.attributes?.id.remote.isStatus();
  }

  get isNotification() {
    return this.attributes && NOTIFICATIONS.includes(this.attributes.type);
  }

  get isMedia() {
    return this.attributes && MEDIA_TYPES.includes(this.attributes.type);
  }

  get senderObj() {
    return this.author ?? this.from;
  }

  unsafe() {
    return this;
  }

  avParams() {
    return { isNewMsg: this.isNewMsg };
  }

  /** The fields that make a new message a reply to this one. */
  msgContextInfo(chat) {
    const { type, body, caption } = this.attributes;
    const elsewhere = chat && String(chat) !== String(this.id.remote) && String(chat.id) !== String(this.id.remote);
    return {
      quotedMsg: { type, body: caption ?? body },
      quotedStanzaID: this.id.id,
      quotedParticipant: this.senderObj,
      quotedRemoteJid: elsewhere ? this.id.remote : undefined,
    };
  }

  /** Receipts never lower it; an edit does, see edits.js. */
  updateAck(ack) {
    if (ack > this.ack) this.set({ ack });
  }
}

Msg.prototype.proxyName = 'msg';

class MsgCollectionImpl extends BaseCollection {
  /** In memory, or from the message table if the chat is loaded. */
  async getMessagesById(keys) {
    const messages = [];
    for (const key of keys) {
      const message = this.get(key) ?? (await fromLoadedChat(key));
      if (message) messages.push(message);
    }
    return { messages };
  }

  /** What arrives passes through here; protocol messages (a revoke) change others. */
  async processMultipleMessages(chatId, messages) {
    await processMessages(chatId, messages);
  }

  /** Full text of bodies; newest first. */
  async search(query, page = 1, count = 10, remote) {
    const rows = remote ? await tables.message.where('chat', String(remote)) : await tables.message.all();
    const text = String(query).toLowerCase();
    const found = rows
      .filter((row) =>
        String(row.body ?? '')
          .toLowerCase()
          .includes(text),
      )
      .sort((a, b) => b.t - a.t);
    return { messages: found.slice((page - 1) * count, page * count).map(modelOfRow), eof: page * count >= found.length };
  }
}

holds(MsgCollectionImpl, Msg);

/** All messages in memory. */
export const MsgCollection = new MsgCollectionImpl();

/** The messages of one chat. */
export class ChatMsgCollection extends MsgCollectionImpl {
  msgLoadState = new BaseModel({ noEarlierMsgs: false, isLoadingEarlierMsgs: false });
}

let processMessages;

/** incoming.js says what becomes of what arrives. */
export function processMessagesWith(process) {
  processMessages = process;
}

let chatIsLoaded = () => false;

/** chats.js says which chats are loaded. */
export function decideLoaded(decide) {
  chatIsLoaded = decide;
}

async function fromLoadedChat(key) {
  const remote = String(key).split('_')[1];
  if (!remote || !chatIsLoaded(remote)) return undefined;
  const row = await tables.message.get(key);
  return row && modelOfRow(row);
}

/** The model of a row: the one in memory, or a new one that is put there. */
export function modelOfRow(row) {
  return MsgCollection.get(row.id) ?? MsgCollection.add(new Msg(fromRow(row)), { silent: true })[0];
}

function storable(value) {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return true;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return true;
  if (typeof value !== 'object' || ![Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value))) return false;
  return Object.values(value).every((x) => x === undefined || storable(flat(x)));
}

function flat(value) {
  if (value instanceof Wid || value instanceof MsgKey) return String(value);
  if (Array.isArray(value)) return value.map(flat);
  if (value && Object.getPrototypeOf(value) === Object.prototype) return mapValues(value, flat);
  return value;
}

const mapValues = (object, change) => Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

let lastRowId = 0;

/** Rises with every row, over restarts, too: the order in which messages came, which their times, whole seconds, do not tell. */
function nextRowId() {
  lastRowId = Math.max(lastRowId + 1, Date.now() * 1000);
  return lastRowId;
}

/** In the order in which they came. */
export const inOrder = (one, other) => one.t - other.t || one.rowId - other.rowId;

/** `chatId` groups the rows of a chat; `unsent` marks our own that no ack came for. */
export function toRow(message, chatId) {
  message.attributes.rowId ??= nextRowId();
  const row = {};
  for (const [name, value] of Object.entries(message.attributes)) {
    const plain = flat(value);
    if (name !== 'isNewMsg' && plain !== undefined && storable(plain)) row[name] = plain;
  }
  row.chatId = String(chatId ?? message.id.remote);
  if (message.id.fromMe && message.ack === 0) row.unsent = 1;
  return row;
}

/** A row with its ids as objects again: what the real app's `msgDataFromDB` gives. */
function fromRow({ chatId: _chatId, unsent: _unsent, ...row }) {
  for (const name of WID_FIELDS) if (row[name]) row[name] = createWid(row[name]);
  for (const name of KEY_FIELDS) if (row[name]) row[name] = MsgKey.fromString(row[name]);
  return { ...row, mentionedJidList: (row.mentionedJidList ?? []).map(createWid) };
}

export async function storeMessage(message, chatId) {
  await tables.message.put(toRow(message, chatId));
}

/** After a start: what was not acked before is failed, and is not sent again by itself. */
export async function failUnsent() {
  const rows = (await tables.message.where('unsent', 1)).filter((row) => !row.isSendFailure);
  await tables.message.bulkPut(rows.map((row) => ({ ...row, isSendFailure: true })));
}

/** By the exact key each; what is not there is left out. */
async function rowsOf(keys) {
  const rows = await tables.message.bulkGet(keys);
  return rows.filter(Boolean).map(fromRow);
}

define('WAWebDBMsgUtils', () => ({
  getMsgsByMsgKey: rowsOf,
  getMsgByMsgKey: async (key) => (await rowsOf([key]))[0] ?? null,
  getMsgsExistByMsgKey: async (keys) => (await tables.message.bulkGet(keys)).map(Boolean),
  getMsgsByChatId: async (chatId) => (await tables.message.where('chat', String(chatId))).sort((a, b) => a.t - b.t).map(fromRow),
}));

/** Up to `count` messages of the anchor's chat, before or after it in time; oldest first. */
async function msgFindByDirection({ anchor, count, direction }) {
  const rows = (await tables.message.where('chat', String(anchor.remote))).sort((a, b) => a.t - b.t);
  const at = rows.findIndex((row) => row.id === String(anchor));
  const from = at < 0 ? rows.length : at;
  const found = direction === 'after' ? rows.slice(at + 1, at + 1 + count) : rows.slice(Math.max(0, from - count), from);
  return { messages: found.map(fromRow), status: 200 };
}

define('WAWebDBMessageFindLocal', () => ({
  msgFindByDirection,
  msgFindBefore: (given) => msgFindByDirection({ ...given, direction: 'before' }),
  msgFindAfter: (given) => msgFindByDirection({ ...given, direction: 'after' }),
}));

define('WAWebMsgCollection', () => ({ MsgCollection }));
define('WAWebMsgModel', () => ({ Msg }));
define('WAWebMsgDataFromModel', () => ({ msgDataFromMsgModel: (msg) => ({ ...msg.attributes }) }));
