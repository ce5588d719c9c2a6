// Edits and revokes, ours and theirs.
//
// - An edit of ours shows at once and makes the message's ack dip to 0; it climbs again with the acks of the edit. An
//   edit that the server refuses stays shown, as a failure to send.
// - A revoke of ours takes effect when the server has it. It replaces the key: the message lives on under the revoke's own
//   key, as type `revoked` without a body (which also fires `change:body`), and `protocolMessageKey` holds the key that
//   vanished.
// Both leave as protocol messages, which have a row of their own in the message table but no place in the chat.
import { define, importNamespace } from './runtime.js';
import { MsgKey, newMsgId } from './msgkey.js';
import { MsgCollection, MEDIA_TYPES, toRow } from './messages.js';
import { watchAcks } from './acks.js';
import { outbox } from './outbox.js';
import { onProtocol } from './incoming.js';
import { createWid } from './wid.js';
import { ChatCollection, storeChat, unreadKeys } from './chats.js';
import { command } from './state.js';
import { SendMsgResult } from './sending.js';
import { me } from './login.js';
import { socket } from './socket.js';
import { tables } from './storage.js';

const EDITABLE_SECONDS = 15 * 60;
const REVOCABLE_SECONDS = 60 * 3600;

/** What a revoke takes out of a message. */
const REVOKED_FIELDS = [
  'body',
  'caption',
  'clientUrl',
  'deprecatedMms3Url',
  'loc',
  'lat',
  'lng',
  'title',
  'description',
  'matchedText',
  'thumbnail',
  'quotedMsg',
  'quotedStanzaID',
  'quotedRemoteJid',
  'quotedParticipant',
  'mentionedJidList',
  'groupMentions',
  'vcardList',
  'mediaData',
];

const textName = (type) => (MEDIA_TYPES.includes(type) ? 'caption' : 'body');
const now = () => Math.floor(Date.now() / 1000);

/** Our id and a new key for a protocol message in the chat of another message. */
function protocolBeside({ remote }) {
  const from = remote.isLid() || remote.isGroup() ? me.lid() : me.pn();
  const participant = remote.isGroup() ? from : undefined;
  return { from, id: new MsgKey({ fromMe: true, remote, id: newMsgId(), participant }) };
}

const editing = new Map();

watchAcks((key, ack) => {
  const edit = editing.get(key);
  if (!edit) return;
  edit.message.set({ ack });
  if (ack >= edit.before) editing.delete(key);
});

/** The protocol message of an edit. A caller may give it an id of its own, as `id` and as `latestEditMsgKey`. */
function createEditMsgData({ msg, text, options = {} }) {
  const { from, id } = protocolBeside(msg.id);
  return {
    ...options,
    id,
    from,
    to: msg.id.remote,
    type: 'protocol',
    subtype: 'message_edit',
    editMsgType: msg.type,
    protocolMessageKey: msg.id,
    [textName(msg.type)]: text.trim(),
    latestEditMsgKey: id,
    latestEditSenderTimestampMs: Date.now(),
    t: now(),
    ack: 0,
    local: true,
  };
}

/** The row of a protocol message: looked up by key, never loaded with a chat. */
function storeProtocol(data) {
  const { chatId: _chatId, ...row } = toRow({ attributes: data, id: data.id, ack: 0 });
  return tables.message.put({ ...row, ack: 0 });
}

async function addAndSendMessageEdit(msg, data) {
  const name = textName(msg.type);
  const text = data[name] ?? data.body;
  const key = String(data.id);
  editing.set(key, { message: msg, before: msg.ack });
  await storeProtocol(data);
  const changes = { [name]: text, latestEditSenderTimestampMs: data.latestEditSenderTimestampMs };
  msg.set({ ...changes, latestEditMsgKey: data.latestEditMsgKey ?? data.id, ack: 0 });
  await tables.message.merge(String(msg.id), { ...changes, latestEditMsgKey: key });
  const answer = await outbox.send({ t: 'edit', id: data.id.id, key, target: String(msg.id), body: text });
  if (answer.code === undefined) return;
  editing.delete(key);
  msg.set({ isSendFailure: true });
  await tables.message.merge(key, { isSendFailure: true });
}

async function sendMessageEdit(msg, text, options = {}) {
  const { canEditText, canEditCaption } = importNamespace('WAWebMsgActionCapability');
  if (!canEditText(msg) && !canEditCaption(msg)) throw new Error('Cannot edit message');
  return addAndSendMessageEdit(msg, createEditMsgData({ msg, text, options }));
}

socket.on('edited', async ({ key, body, editId, at }) => {
  const row = await tables.message.get(key);
  if (!row) return;
  const parsed = MsgKey.fromString(key);
  const editKey = new MsgKey({ fromMe: parsed.fromMe, remote: parsed.remote, id: editId, participant: parsed.participant });
  const changes = { [textName(row.type)]: body, latestEditSenderTimestampMs: at * 1000 };
  await tables.message.merge(key, { ...changes, latestEditMsgKey: String(editKey) });
  MsgCollection.get(key)?.set({ ...changes, latestEditMsgKey: editKey });
});

/** A message that nobody read before it was revoked no longer counts. */
async function forgetUnread(key) {
  const chat = ChatCollection.get(key.remote);
  if (!chat || !(await unreadKeys(chat)).includes(String(key))) return;
  chat.set({ unreadCount: chat.unreadCount - 1 });
  await storeChat(chat);
}

/** Turns a message into the remains of a revoked one, under its new key; `by` is `sender` or `admin`. */
async function replaceByRevoked(oldKey, newKey, { by, revokeSender, revokeTimestamp }) {
  const changes = {
    isOverwrittenByRevoke: true,
    type: 'revoked',
    subtype: by,
    revokeSender,
    revokeTimestamp,
    star: false,
    isSendFailure: false,
  };
  await forgetUnread(oldKey);
  const row = await tables.message.get(oldKey);
  if (row) {
    const kept = Object.fromEntries(Object.entries(row).filter(([name]) => !REVOKED_FIELDS.includes(name)));
    const flat = { ...changes, id: String(newKey), protocolMessageKey: String(oldKey), revokeSender: String(revokeSender) };
    await tables.message.replace(oldKey, { ...kept, ...flat });
  }
  const present = MsgCollection.get(oldKey);
  if (!present) return;
  present.trigger('revoked');
  const emptied = Object.fromEntries(REVOKED_FIELDS.map((name) => [name, undefined]));
  present.set({ ...emptied, ...changes, id: newKey, protocolMessageKey: oldKey });
  present.trigger('change:msgKey', { newKey, oldKey });
}

/** `what` is `{type: 'message', data: msg}`, `as` one of Revoke. The app chooses the id of the revoke. */
async function sendRevoke(what, as, clearMedia) {
  const msg = what.data;
  if (as === 'Sender' && !msg.id.fromMe) throw new Error('revoking received message');
  const target = msg.id;
  const { from, id } = protocolBeside(target);
  const t = now();
  const subtype = as === 'Admin' ? 'admin_revoke' : 'sender_revoke';
  await storeProtocol({
    id,
    from,
    to: target.remote,
    t,
    type: 'protocol',
    subtype,
    protocolMessageKey: target,
    clearMedia,
    ack: 0,
  });
  const answer = await outbox.send({ t: 'revoke', id: id.id, key: String(id), target: String(target) });
  if (answer.code !== undefined) return { messageSendResult: SendMsgResult.ERROR_UNKNOWN };
  await replaceByRevoked(target, id, { by: as === 'Admin' ? 'admin' : 'sender', revokeSender: from, revokeTimestamp: t });
  return { messageSendResult: SendMsgResult.OK };
}

onProtocol('sender_revoke', (_chatId, { id, protocolMessageKey, author, t }) =>
  replaceByRevoked(protocolMessageKey, id, { by: 'sender', revokeSender: author, revokeTimestamp: t }),
);

socket.on('revoked', async ({ key, newKey, from, at }) => {
  const id = MsgKey.fromString(newKey);
  await MsgCollection.processMultipleMessages(id.remote, [
    {
      id,
      type: 'protocol',
      subtype: 'sender_revoke',
      protocolMessageKey: MsgKey.fromString(key),
      from: id.remote,
      author: createWid(from),
      to: me.lid() ?? me.pn(),
      t: at,
      isNewMsg: true,
    },
  ]);
});

async function sendRevokeMsgs(_chat, messages) {
  const list = Array.isArray(messages) ? messages : messages.list;
  return Promise.all(list.map((msg) => sendRevoke({ type: 'message', data: msg }, msg.id.fromMe ? 'Sender' : 'Admin')));
}

/** Deletes here only. */
async function sendDeleteMsgs(chat, messages) {
  const list = Array.isArray(messages) ? messages : messages.list;
  for (const msg of list) {
    (ChatCollection.get(chat.id) ?? chat).msgs.remove(msg);
    MsgCollection.remove(msg);
  }
  await tables.message.removeAll(list.map((msg) => String(msg.id)));
}

command('sendRevokeMsgs', sendRevokeMsgs);
command('sendDeleteMsgs', sendDeleteMsgs);

const isOwnSent = (msg) => msg.id.fromMe && msg.ack > 0 && msg.type !== 'revoked' && !msg.isNotification;
const isYoung = (msg, seconds) => now() - msg.t < seconds;

define('WAWebSendMessageEditAction', () => ({ createEditMsgData, addAndSendMessageEdit, sendMessageEdit }));
define('WAWebRevokeMsgAction', () => ({ sendRevoke }));
define('WAWebChatSendMessages', () => ({ sendRevokeMsgs, sendDeleteMsgs }));
define('WAWebMsgActionCapability', () => ({
  canEditText: (msg) => isOwnSent(msg) && msg.type === 'chat' && isYoung(msg, EDITABLE_SECONDS),
  canEditCaption: (msg) => isOwnSent(msg) && msg.isMedia && Boolean(msg.caption) && isYoung(msg, EDITABLE_SECONDS),
  canSenderRevokeMsg: (msg) => isOwnSent(msg) && isYoung(msg, REVOCABLE_SECONDS),
  canAdminRevokeMsg: (msg) =>
    msg.id.remote.isGroup() && Boolean(ChatCollection.get(msg.id.remote)?.groupMetadata.participants.iAmAdmin()),
  canDeleteMsg: (msg) => !msg.isNotification,
  canStarMsg: (msg) => !msg.isNotification && msg.type !== 'revoked',
}));
