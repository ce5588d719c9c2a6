// Acks of our own messages: 0 pending, 1 server, 2 device, 3 read, 4 played; a refusal of the server is no ack but
// `isSendFailure` at ack 0.
//
// Receipts (2 and up) come from the form that the chat has. A message that was keyed by number in a chat by LID is
// therefore never found by them and stays at 1.
import { define, importNamespace } from './runtime.js';
import { MsgKey } from './msgkey.js';
import { MsgCollection } from './messages.js';
import { me } from './login.js';
import { outbox } from './outbox.js';
import { chatForm } from './people.js';
import { socket } from './socket.js';
import { tables } from './storage.js';
import { createWid } from './wid.js';

const ACK_STRING = Object.freeze({
  SENDER: 'sender',
  DELIVERY: 'delivery',
  READ: 'read',
  PLAYED: 'played',
  INACTIVE: 'inactive',
  READ_SELF: 'read-self',
  PLAYED_SELF: 'played-self',
});
const STRING_OF_ACK = { 2: ACK_STRING.DELIVERY, 3: ACK_STRING.READ, 4: ACK_STRING.PLAYED };

/** Raises the ack of a message in memory and in the table; the greatest one stays. */
async function raiseAck(key, ack) {
  const model = MsgCollection.get(key);
  if (model?.isSendFailure) model.set({ isSendFailure: false });
  model?.updateAck(ack);
  const row = await tables.message.get(key);
  if (row && ack > row.ack) await tables.message.merge(key, { ack, unsent: undefined, isSendFailure: false });
}

export async function markFailed(key, changes = {}) {
  MsgCollection.get(key)?.set({ isSendFailure: true, ...changes });
  await tables.message.merge(key, { isSendFailure: true, ...changes });
}

socket.on('ack', async ({ key, id, ack }) => {
  if (ack < 0) {
    outbox.settle(key, { code: ack });
    await markFailed(key, { ack });
    return;
  }
  await rule(key, ack);
  if (ack >= 1) outbox.settle(key, { ack });
  if (ack < 2) return;
  const remote = createWid(key.split('_')[1]);
  if (remote.isGroup()) await raiseAck(key, ack);
  else await receipt('WAWebHandleDirectChatReceipt', 'handleChatSimpleReceipt', { ack, from: await chatForm(remote), id });
});

/** Ack 1 is of the key itself; edits, revokes and reactions have watchers of their own keys. */
async function rule(key, ack) {
  for (const watcher of watchers) await watcher(key, ack);
  if (ack === 1) await raiseAck(key, 1);
}

const watchers = [];

/** For what is acked under a key that is no message's: `watch(key, ack)`. */
export function watchAcks(watcher) {
  watchers.push(watcher);
}

socket.on('refused', async ({ key, code }) => {
  outbox.settle(key, { code });
});

function receipt(module, name, { ack, from, id, participant, at }) {
  return importNamespace(module)[name]({
    ack,
    ackString: STRING_OF_ACK[ack],
    from,
    participant,
    recipient: undefined,
    externalIds: [id],
    ts: at,
  });
}

async function handleChatSimpleReceipt({ ack, from, externalIds }) {
  for (const id of externalIds) await raiseAck(String(new MsgKey({ fromMe: true, remote: from, id })), ack);
}

/** Who in a group has a message or read it; the message's own ack comes when all have. */
async function handleGroupSimpleReceipt({ ack, from, participant, externalIds, ts }) {
  for (const id of externalIds) {
    for (const mine of [me.lid(), me.pn()].filter(Boolean)) {
      const key = String(new MsgKey({ fromMe: true, remote: from, id, participant: mine }));
      const row = await tables.message.get(key);
      if (row) await tables.message.merge(key, { receipts: { ...row.receipts, [`${ack} ${participant}`]: ts } });
    }
  }
}

socket.on('receipted', async ({ key, id, from, ack, at }) => {
  const remote = createWid(key.split('_')[1]);
  await receipt('WAWebHandleGroupChatReceipt', 'handleGroupSimpleReceipt', {
    ack,
    from: remote,
    id,
    participant: createWid(from),
    at,
  });
});

/** Who has a message: `{delivery, read, played, ...Remaining}`; in a chat with one person as the ack says. */
async function queryMsgInfo(key) {
  const row = await tables.message.get(key);
  const info = { delivery: [], read: [], played: [], deliveryRemaining: 0, readRemaining: 0, playedRemaining: 0 };
  for (const [receipt, t] of Object.entries(row?.receipts ?? {})) {
    const [ack, participant] = receipt.split(' ');
    info[{ 2: 'delivery', 3: 'read', 4: 'played' }[ack]].push({ id: createWid(participant), t });
  }
  return info;
}

define('WAWebHandleDirectChatReceipt', () => ({ handleChatSimpleReceipt }));
define('WAWebHandleGroupChatReceipt', () => ({ handleGroupSimpleReceipt }));
define('WAWebHandleStatusReceipt', () => ({ handleStatusSimpleReceipt: async () => {} }));
define('WAWebApiMessageInfoStore', () => ({ queryMsgInfo }));

define('WAWebAck', () => ({
  ACK: Object.freeze({
    MD_DOWNGRADE: -7,
    INACTIVE: -6,
    CONTENT_UNUPLOADABLE: -5,
    CONTENT_TOO_BIG: -4,
    CONTENT_GONE: -3,
    EXPIRED: -2,
    FAILED: -1,
    CLOCK: 0,
    SENT: 1,
    RECEIVED: 2,
    READ: 3,
    PLAYED: 4,
    PEER: 5,
  }),
  ACK_STRING,
  EDIT_ATTR: Object.freeze({ SENDER_REVOKE: 7, ADMIN_REVOKE: 8 }),
}));
