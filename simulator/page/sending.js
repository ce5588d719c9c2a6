// Sending a message. The order is what clients build on:
//   1. the full key is checked against memory and the message table: known already is DuplicateMessageError, also after a
//      reload; the same bare id under another key is another message;
//   2. the model is in Msg (`add` with isNewMsg), stored, in its chat;   -> the first promise resolves to it
//   3. it leaves, and the server acks or refuses it.                     -> the second resolves to {messageSendResult, t, count}
// A message that never gets an answer does not keep the next one from leaving.
import { define, importNamespace } from './runtime.js';
import { Msg, MsgCollection, MEDIA_TYPES, storeMessage } from './messages.js';
import { MsgKey } from './msgkey.js';
import { Wid } from './wid.js';
import { chatOf, show, storeChat } from './chats.js';
import { markFailed } from './acks.js';
import { openChat } from './incoming.js';
import { outbox } from './outbox.js';
import { tables } from './storage.js';

export const SendMsgResult = Object.freeze(
  Object.fromEntries(
    ['OK', 'ERROR_NETWORK', 'ERROR_EXPIRED', 'ERROR_CANCELLED', 'ERROR_UPLOAD', 'ERROR_UNKNOWN'].map((name) => [name, name]),
  ),
);

/** What a message of some kind carries beside its text; ids leave as text. */
const FIELDS = [
  'lat',
  'lng',
  'loc',
  'clientUrl',
  'vcardFormattedName',
  'vcardList',
  'pollName',
  'pollOptions',
  'pollSelectableOptionsCount',
  'caption',
  'quotedStanzaID',
  'quotedParticipant',
  'quotedMsg',
  'quotedRemoteJid',
  'mentionedJidList',
  'isForwarded',
  'forwardingScore',
  'isGif',
  'isViewOnce',
  'duration',
  'ephemeralDuration',
  'title',
  'description',
  'matchedText',
];
const MEDIA_FIELDS = [
  'directPath',
  'filehash',
  'encFilehash',
  'mediaKey',
  'mediaKeyTimestamp',
  'mimetype',
  'size',
  'filename',
  'width',
  'height',
];

class DuplicateMessageError extends Error {
  constructor(key) {
    super(`duplicate message ${key}`);
    this.name = 'DuplicateMessageError';
  }
}

function wire(value) {
  if (value instanceof Wid || value instanceof MsgKey) return String(value);
  return Array.isArray(value) ? value.map(wire) : value;
}

function pick(attributes, names) {
  const out = {};
  for (const name of names) {
    const value = wire(attributes[name]);
    if (value !== undefined && value !== null && value !== false && !(Array.isArray(value) && !value.length)) out[name] = value;
  }
  return out;
}

/** The frame of a message. A text without a body goes out as media, as the real app sends it. */
function frameOf({ attributes, id }) {
  const media = MEDIA_TYPES.includes(attributes.type);
  return {
    t: 'send',
    id: id.id,
    key: String(id),
    chatId: String(id.remote),
    type: attributes.type === 'chat' && !attributes.body ? 'media' : attributes.type,
    body: media ? '' : (attributes.body ?? ''),
    fields: pick(attributes, FIELDS),
    ...(media ? { media: pick(attributes, MEDIA_FIELDS) } : {}),
  };
}

/** A poll needs its secret and media their upload; without them nothing can leave. */
function canLeave({ attributes }) {
  if (attributes.type === 'poll_creation') return attributes.messageSecret?.length === 32;
  return !MEDIA_TYPES.includes(attributes.type) || Boolean(attributes.directPath);
}

const reserved = new Set();

async function isKnown(key) {
  return MsgCollection.get(key) !== undefined || (await tables.message.get(key)) !== undefined;
}

async function add(chat, data) {
  const attributes = await data;
  const key = String(attributes.id);
  if (reserved.has(key)) throw new DuplicateMessageError(key);
  reserved.add(key);
  try {
    if (await isKnown(key)) throw new DuplicateMessageError(key);
    const message = MsgCollection.add(new Msg({ ...attributes, ack: 0 }))[0];
    await openChat(chat);
    await storeMessage(message, chat.id);
    show(message, chat);
    await storeChat(chat);
    return message;
  } finally {
    reserved.delete(key);
  }
}

/** Hands a message to the socket and waits for the server's answer; `data` is the message. */
async function encryptAndSendMsg({ data }) {
  const answer = canLeave(data) ? await outbox.send(frameOf(data)) : { code: 'not sendable' };
  return {
    t: Math.floor(Date.now() / 1000),
    sync: null,
    phash: null,
    addressingMode: null,
    count: null,
    error: answer.code ?? null,
  };
}

async function transmit(message) {
  const { t, count, error } = await importNamespace('WAWebSendMsgJob').encryptAndSendMsg({ type: message.type, data: message });
  if (error !== null) await markFailed(String(message.id));
  return { messageSendResult: error === null ? SendMsgResult.OK : SendMsgResult.ERROR_UNKNOWN, t, count };
}

/** Whoever awaits only the first promise must not be hit by the second's rejection. */
function quietly(promise) {
  promise.catch(() => {});
  return promise;
}

function addAndSendMsgToChat(chat, data) {
  const stored = add(chat, data);
  return [stored, quietly(stored.then(transmit))];
}

async function sendAgain(message) {
  message.set({ isSendFailure: false });
  await tables.message.merge(String(message.id), { isSendFailure: false });
  return transmit(message);
}

/** Sends a stored message again at once, under its own key, even while it is pending. */
function resendMsgToChat(chat, promise) {
  const shown = Promise.resolve(promise).then((message) => show(message, chat));
  return [shown, quietly(shown.then(sendAgain))];
}

/** Sends a failed message again and resolves to the result's name; one that is still pending is left alone. */
async function resendMsg(message) {
  if (!message.isSendFailure) return undefined;
  message.set({ ack: 0 });
  const [, sent] = resendMsgToChat(await chatOf(message.id.remote), message);
  return (await sent).messageSendResult;
}

define('WAWebSendMsgChatAction', () => ({ addAndSendMsgToChat, resendMsgToChat }));
define('WAWebSendMsgJob', () => ({ encryptAndSendMsg }));
define('WAWebResendMsgAction', () => ({ resendMsg }));
define('WAWebSendMsgResultAction', () => ({ SendMsgResult }));

define('WAWebGetEphemeralFieldsMsgActionsUtils', () => ({
  getEphemeralFields: (chat) =>
    chat.attributes.ephemeralDuration ? { ephemeralDuration: chat.attributes.ephemeralDuration } : {},
}));
