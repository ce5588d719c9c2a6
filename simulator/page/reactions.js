// Reactions. They are no messages and not in the message table; the app keeps them in a table of their own, which it
// fills through `reactionTableMode.bulkUpsert`: that is where clients hear of them.
import { define, importNamespace } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { MsgKey, msgKeyToTargetInfo, newMsgId } from './msgkey.js';
import { MsgCollection } from './messages.js';
import { SendMsgResult } from './sending.js';
import { outbox } from './outbox.js';
import { createWid } from './wid.js';
import { me } from './login.js';
import { socket } from './socket.js';
import { tables } from './storage.js';

class Senders extends BaseModel {
  get hasReactionByMe() {
    return this.senders.some((sender) => me.is(sender.senderUserJid));
  }

  serialize() {
    return { id: this.id, aggregateEmoji: this.id, hasReactionByMe: this.hasReactionByMe, senders: this.senders };
  }
}

class SendersCollection extends BaseCollection {}

holds(SendersCollection, Senders);

class Reactions extends BaseModel {
  initialize() {
    Object.defineProperty(this, 'reactions', { value: new SendersCollection() });
  }

  show(rows) {
    const byText = new Map();
    for (const row of rows) if (row.reactionText) byText.set(row.reactionText, [...(byText.get(row.reactionText) ?? []), row]);
    this.reactions.reset();
    for (const [text, list] of byText) this.reactions.add({ id: text, senders: list.map(senderOf) });
  }
}

function senderOf(row) {
  return {
    id: row.id,
    msgKey: row.id,
    parentMsgKey: row.parent,
    senderUserJid: row.author,
    reactionText: row.reactionText,
    timestamp: row.reactionTimestamp,
    ack: row.ack,
    read: row.read,
  };
}

class ReactionsCollectionImpl extends BaseCollection {
  async find(id) {
    const model = this.gadd(String(id));
    model.show(await tables.reaction.where('parent', String(id)));
    return model;
  }
}

holds(ReactionsCollectionImpl, Reactions);

export const ReactionsCollection = new ReactionsCollectionImpl();

const reactionTableMode = {
  /** One row a person and message: a later reaction replaces the one before, an empty one takes it back. */
  async bulkUpsert(reactions) {
    const rows = reactions.map(({ id, reactionParentKey, reactionText, reactionTimestamp, author, from, ack, read }) => ({
      id: `${reactionParentKey} ${author ?? from}`,
      key: String(id),
      parent: String(reactionParentKey),
      author: String(author ?? from),
      reactionText,
      reactionTimestamp,
      ack,
      read,
    }));
    await tables.reaction.bulkPut(rows);
    importNamespace('WAWebReactionsMsgAction').addOrUpdateReactionsModelCollection(reactions.map(plainReaction));
    for (const parent of new Set(rows.map((row) => row.parent))) {
      ReactionsCollection.get(parent)?.show(await tables.reaction.where('parent', parent));
    }
  },
};

/** As the models of reactions take it: ids as text, `t` in milliseconds. */
function plainReaction({ id, reactionParentKey, reactionTimestamp, author, from, reactionText, read, orphan, orphanReason }) {
  return {
    id: String(id),
    reactionParentKey: String(reactionParentKey),
    from: String(author ?? from),
    t: reactionTimestamp,
    reactionText,
    read,
    orphan,
    orphanReason,
  };
}

const upsert = (reactions) => importNamespace('WAWebAddonReactionTableMode').reactionTableMode.bulkUpsert(reactions);

socket.on('reacted', async ({ key, reactionKey, text, from, at }) => {
  const id = MsgKey.fromString(reactionKey);
  await upsert([
    {
      id,
      reactionParentKey: MsgKey.fromString(key),
      reactionText: text,
      reactionTimestamp: at * 1000,
      from: id.remote.isGroup() ? id.remote : createWid(from),
      author: createWid(from),
      type: 'reaction',
      kind: 'reactionDecrypted',
      ack: 1,
      read: false,
      orphan: 0,
      orphanReason: null,
    },
  ]);
});

async function addAndSendAddonToChat(addon) {
  if (addon.type !== 'reaction') throw new Error(`addAndSendAddonToChat: no addon ${addon.type}`);
  await upsert([{ ...addon, author: addon.author ?? addon.from, orphan: 0, orphanReason: null }]);
  const key = String(addon.id);
  const answer = await outbox.send({
    t: 'react',
    id: addon.id.id,
    key,
    target: String(addon.reactionParentKey),
    text: addon.reactionText,
  });
  return { messageSendResult: answer.code === undefined ? SendMsgResult.OK : SendMsgResult.ERROR_UNKNOWN };
}

/** An empty text takes the reaction back. */
async function sendReactionToMsg(msg, text) {
  const mine = msg.id.remote.isLid() || msg.id.remote.isGroup() ? me.lid() : me.pn();
  const id = new MsgKey({
    from: mine,
    to: msg.id.remote,
    id: newMsgId(),
    participant: msg.id.remote.isGroup() ? mine : undefined,
    selfDir: 'out',
  });
  return addAndSendAddonToChat({
    id,
    ...msgKeyToTargetInfo(id),
    reactionParentKey: msg.id,
    type: 'reaction',
    kind: 'reactionDecrypted',
    viewMode: 'VISIBLE',
    t: Math.floor(Date.now() / 1000),
    ack: 0,
    reactionText: text,
    reactionTimestamp: Date.now(),
    read: true,
  });
}

/** Shows on the messages in memory whether they have a reaction. */
function addOrUpdateReactionsModelCollection(reactions) {
  for (const { reactionParentKey, reactionText } of reactions) {
    if (reactionText) MsgCollection.get(reactionParentKey)?.set({ hasReaction: true });
  }
}

define('WAWebReactionsMsgAction', () => ({ addOrUpdateReactionsModelCollection }));
define('WAWebAddonReactionTableMode', () => ({ reactionTableMode }));
define('WAWebSendAddonMsgChatAction', () => ({ addAndSendAddonToChat }));
define('WAWebSendReactionMsgAction', () => ({ sendReactionToMsg }));
