// Questions, lists, and marking as read.
import { step } from '../runner/scenario.mjs';
import { holds, same } from '../runner/expect.mjs';
import { NOBODY, PEER, PEER_NAME } from '../runner/people.mjs';
import { until } from '../runner/waiting.mjs';

async function queryExists(w) {
  const ask = (number) => w.call(async (id) => String((await WPP.contact.queryExists(id))?.wid ?? null), `${number}@c.us`);
  same([await ask(PEER), await ask(NOBODY)], [`${PEER}@c.us`, 'null'], 'wid of one who is and of one who is not');
}

async function contacts(w) {
  const names = await w.call(async () => (await WPP.contact.list({ onlyMyContacts: true })).map(({ name }) => name));
  holds(names.includes(PEER_NAME), `no ${PEER_NAME} among ${names}`);
}

async function chats(w) {
  const list = await w.call(async () => (await WPP.chat.list()).map((chat) => ({ id: String(chat.id), title: chat.formattedTitle })));
  const peers = list.filter(({ title }) => title === PEER_NAME);
  same(peers.map(({ id }) => id), [w.received.from], 'chats with the peer');
}

async function markIsRead(w) {
  const unread = () => w.call((id) => WPP.chat.get(id).unreadCount, w.received.from);
  await until('the chat has an unread message', async () => (await unread()) > 0);
  await w.call(async (id) => void (await WPP.chat.markIsRead(id)), w.received.from);
  await until('the chat has no unread messages', async () => (await unread()) === 0);
  const id = w.received.id.split('_')[2];
  await until('the phone says read', async () => (await w.phone.shown(PEER, id)).ack === 3);
}

export const lookups = [
  step('queryExists: yes and no', queryExists),
  step('contact.list', contacts),
  step('chat.list', chats),
  step('markIsRead', markIsRead),
];
