// What comes in: messages of others and of our own phone, and ciphertexts that resolve. A message is in the message table
// before anybody hears of it, and is confirmed to the server after that.
import { socket } from './socket.js';
import { MsgKey, newMsgId } from './msgkey.js';
import { Msg, MsgCollection, processMessagesWith, storeMessage } from './messages.js';
import { chatOf, show, storeChat } from './chats.js';
import { learnName } from './people.js';
import { createWid } from './wid.js';
import { me } from './login.js';
import { tables } from './storage.js';

/** A message of the wire (PROTOCOL.md) as the attributes of a model. */
export function attributesOf(message) {
  const { media, quoted, fields, participant } = message;
  return {
    id: MsgKey.fromString(message.key),
    from: createWid(message.from),
    to: createWid(message.to),
    author: createWid(participant),
    type: message.type,
    subtype: message.type === 'ciphertext' ? 'fanout' : undefined,
    body: message.body ?? undefined,
    t: message.t,
    notifyName: message.notifyName ?? undefined,
    ack: message.fromMe ? (message.ack ?? 1) : 1,
    self: message.fromMe ? 'out' : 'in',
    ...fields,
    ...(media ? mediaAttributes(media) : {}),
    ...(quoted ? quotedAttributes(quoted) : {}),
  };
}

function mediaAttributes(media) {
  const { url, ...rest } = media;
  return { ...rest, deprecatedMms3Url: url, clientUrl: url };
}

function quotedAttributes({ id, participant, type, body }) {
  return { quotedStanzaID: id, quotedParticipant: createWid(participant), quotedMsg: { type, body } };
}

/** The line on end-to-end encryption that opens every chat; it too is a new message to whoever listens. */
export async function openChat(chat) {
  if (chat.last || (await tables.message.where('chat', String(chat.id))).length) return;
  const notice = new Msg({
    id: new MsgKey({ fromMe: false, remote: chat.id, id: newMsgId(), participant: chat.isGroup ? me.lid() : undefined }),
    from: chat.id,
    to: me.lid() ?? me.pn(),
    type: 'e2e_notification',
    subtype: 'encrypt',
    t: Math.floor(Date.now() / 1000),
    ack: 1,
    isNewMsg: true,
  });
  await storeMessage(notice, chat.id);
  show(notice, chat);
}

async function takeIn(chatId, attributes) {
  const chat = await chatOf(chatId);
  await openChat(chat);
  const model = new Msg(attributes);
  await storeMessage(model, chat.id);
  show(model, chat);
  if (!model.id.fromMe) chat.set({ unreadCount: chat.unreadCount + 1 });
  await storeChat(chat);
}

processMessagesWith(async (chatId, list) => {
  for (const attributes of list) await (protocols[attributes.subtype] ?? takeIn)(chatId, attributes);
});

const protocols = {};

/** For messages of type `protocol`, by subtype: `run(chatId, attributes)`. */
export function onProtocol(subtype, run) {
  protocols[subtype] = run;
}

async function receive(message) {
  if (!(await tables.message.get(message.key))) {
    const { notifyName, fromMe, participant, from } = message;
    if (notifyName && !fromMe) await learnName(createWid(participant ?? from), notifyName);
    await MsgCollection.processMultipleMessages(createWid(message.chatId), [{ ...attributesOf(message), isNewMsg: true }]);
  }
  socket.send({ t: 'receipt', keys: [message.key], kind: 'delivery' });
}

socket.on('message', async ({ message }) => {
  await receive(message);
  for (const callback of arrivals) callback();
});

const arrivals = [];

/** Called after each message that arrived. */
export function onArrival(callback) {
  arrivals.push(callback);
}

// The model stays and changes its type; who waits for the text listens to `change:type`.
socket.on('resolved', async ({ message }) => {
  const attributes = attributesOf(message);
  const present = MsgCollection.get(message.key);
  const model = present ?? new Msg(attributes);
  const { id: _id, ack: _ack, ...changes } = attributes;
  await storeMessage(
    { attributes: { ...model.attributes, ...changes }, id: model.id, ack: model.ack },
    createWid(message.chatId),
  );
  present?.set({ ...changes, subtype: undefined });
});
