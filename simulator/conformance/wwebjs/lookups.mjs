// Questions: who is on WhatsApp, which chats, which contacts; and what the other side sees of us.
import { step } from '../runner/scenario.mjs';
import { holds, same } from '../runner/expect.mjs';
import { FRIEND, HISTORY, NOBODY, PEER, PEER_NAME } from '../runner/people.mjs';
import { until } from '../runner/waiting.mjs';

async function isRegisteredUser(w) {
  const answers = [];
  for (const number of [PEER, NOBODY]) answers.push(await w.client.isRegisteredUser(`${number}@c.us`));
  same(answers, [true, false], 'isRegisteredUser of one who is and one who is not');
}

async function getChats(w) {
  const chats = await w.client.getChats();
  const peers = chats.filter(({ name }) => name === PEER_NAME);
  same(peers.map(({ id }) => id._serialized), [w.text.id.remote], 'chats with the peer');
  same(peers[0].isGroup, false, 'isGroup');
  holds(chats.length >= HISTORY.chats + 1, `${chats.length} chats, though the phone brought ${HISTORY.chats}`);
}

async function history(w) {
  const chats = (await w.client.getChats()).filter(({ id }) => id._serialized !== w.text.id.remote);
  const counts = await Promise.all(chats.map(async (chat) => (await chat.fetchMessages({ limit: HISTORY.messages })).length));
  same(counts.reduce((sum, count) => sum + count, 0), HISTORY.messages, 'messages in the chats of the history');
}

async function getContact(w) {
  const contact = await w.received.getContact();
  const { id, name, isMe, isMyContact } = contact;
  same([id._serialized, name, isMe, isMyContact], [`${PEER}@c.us`, PEER_NAME, false, true], 'id, name, isMe, isMyContact of a sender');
  const friend = await w.client.getContactById(`${FRIEND.number}@c.us`);
  const wanted = [`${FRIEND.number}@c.us`, FRIEND.number, FRIEND.name];
  same([friend.id._serialized, friend.number, friend.name], wanted, 'id, number, name by number');
}

async function sendSeen(w) {
  const { id } = await w.phone.incoming({ from: PEER, type: 'chat', body: 'Read me' });
  const [message] = await w.events.wait('message', { fits: (other) => other.id.id === id });
  const unread = async () => (await w.client.getChatById(message.from)).unreadCount;
  await until('the chat has an unread message', async () => (await unread()) > 0);
  same(await (await message.getChat()).sendSeen(), true, 'what sendSeen returns');
  await until('the chat has no unread messages', async () => (await unread()) === 0);
  await until('the phone says read', async () => (await w.phone.shown(PEER, id)).ack === 3);
}

async function typing(w) {
  const chat = await w.received.getChat();
  for (const [act, state] of [['sendStateTyping', 'composing'], ['sendStateRecording', 'recording'], ['clearState', null]]) {
    await chat[act]();
    await until(`the peer sees ${state ?? 'nothing more'}`, async () => (await w.phones.of(PEER).typing(w.number)) === state);
  }
}

export const lookups = [
  step('isRegisteredUser: yes and no', isRegisteredUser),
  step('getChats', getChats),
  step('fetchMessages: the history that the phone brought', history),
  step('getContact', getContact),
  step('sendSeen', sendSeen),
  step('typing, recording, paused', typing),
];
