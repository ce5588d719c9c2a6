// A restart, a lost connection, an unlink on the phone.
import { essential, step } from '../runner/scenario.mjs';
import { holds, same } from '../runner/expect.mjs';
import { PEER } from '../runner/people.mjs';
import { START_MS, until } from '../runner/waiting.mjs';

async function restart(w) {
  await w.end();
  w.missed = (await w.phone.incoming({ from: PEER, type: 'chat', body: 'While you were away' })).id;
  w.start();
  await w.events.wait('ready', { limitMs: START_MS });
  await w.starting;
  same(w.events.all('qr'), [], 'QRs shown');
  same(w.client.info.wid._serialized, `${w.number}@c.us`, 'who is linked');
}

async function offline(w) {
  await until('the chat has what came meanwhile', async () => {
    const chat = await w.client.getChatById(`${PEER}@c.us`);
    const messages = await chat.fetchMessages({ limit: 5 });
    return messages.some(({ id, body }) => id.id === w.missed && body === 'While you were away');
  });
}

async function afterRestart(w) {
  const message = await w.client.sendMessage(`${PEER}@c.us`, 'Back again');
  await w.events.wait('message_ack', { fits: (about, ack) => about.id.id === message.id.id && ack === 3 });
  const entry = await w.phone.sentWithId(message.id.id);
  same([entry.body, entry.shown], ['Back again', 1], 'on the phone');
}

async function droppedSocket(w) {
  const from = w.events.length;
  await w.phones.faults({ number: w.number, drop_socket: true });
  await w.events.wait('change_state', { from, fits: (state) => state !== 'CONNECTED' });
  await w.events.wait('change_state', { from, fits: (state) => state === 'CONNECTED' });
  same(await w.client.getState(), 'CONNECTED', 'state');
  const message = await w.client.sendMessage(`${PEER}@c.us`, 'Connected again');
  await w.events.wait('message_ack', { fits: (about, ack) => about.id.id === message.id.id && ack === 3 });
  same(w.events.all('disconnected', from), [], 'disconnected');
}

async function unlink(w) {
  w.unlinkedAt = w.events.length;
  await w.phone.act('unlink');
  const [reason] = await w.events.wait('disconnected', { from: w.unlinkedAt, limitMs: START_MS });
  same(reason, 'LOGOUT', 'the reason');
  same((await w.phones.pages()).filter((page) => page.linked), [], 'linked pages');
}

async function newQr(w) {
  const [qr] = await w.events.wait('qr', { from: w.unlinkedAt, limitMs: START_MS });
  const [before, after] = [w.qrs.at(-1), qr].map((text) => text.split(','));
  holds(before[0] !== after[0] && before[1] !== after[1], 'the qr has the ref or the key of the login before');
}

export const lifecycle = [
  essential('restart with LocalAuth: straight to ready', restart),
  step('restart: what came meanwhile is there', offline),
  step('restart: sendMessage, acks', afterRestart),
  step('dropped socket: CONNECTED again, sends', droppedSocket),
  essential('unlink on the phone: disconnected LOGOUT', unlink),
  step('unlink on the phone: then a new qr', newQr),
];
