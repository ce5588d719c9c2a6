// Votes in polls, ours and theirs. As reactions they live in a table of their own, filled through
// `pollVoteTableMode.bulkUpsert`, which is where clients hear of them.
import { define, importNamespace } from './runtime.js';
import { MsgKey, newMsgId } from './msgkey.js';
import { outbox } from './outbox.js';
import { SendMsgResult } from './sending.js';
import { createWid } from './wid.js';
import { me } from './login.js';
import { socket } from './socket.js';
import { tables } from './storage.js';

const pollVoteTableMode = {
  /** One row a person and poll: what this person has chosen now. */
  async bulkUpsert(votes) {
    await importNamespace('WAWebDBPollsUpsertVotes').upsertVotesDb(
      votes.map(({ id, pollUpdateParentKey, author, from, ...vote }) => ({
        msgKey: id,
        parentMsgKey: pollUpdateParentKey,
        sender: author ?? from,
        selectedOptionLocalIds: [...vote.selectedOptionLocalIds],
        senderTimestampMs: vote.senderTimestampMs,
        ack: vote.ack,
      })),
    );
  },
};

async function upsertVotesDb(votes) {
  await tables['poll-votes'].bulkPut(
    votes.map(({ msgKey, parentMsgKey, sender, ...vote }) => ({
      ...vote,
      id: `${parentMsgKey} ${sender}`,
      key: String(msgKey),
      parent: String(parentMsgKey),
      sender: String(sender),
    })),
  );
  return votes;
}

const upsert = (votes) => importNamespace('WAWebAddonPollVoteTableMode').pollVoteTableMode.bulkUpsert(votes);

socket.on('voted', async ({ key, voteKey, options, from, at }) => {
  const poll = await tables.message.get(key);
  const chosen = (poll?.pollOptions ?? []).filter((option) => options.includes(option.name));
  const id = MsgKey.fromString(voteKey);
  await upsert([
    {
      id,
      pollUpdateParentKey: MsgKey.fromString(key),
      selectedOptionLocalIds: chosen.map((option) => option.localId),
      senderTimestampMs: at * 1000,
      t: at * 1000,
      from: id.remote.isGroup() ? id.remote : createWid(from),
      author: createWid(from),
      ack: 1,
    },
  ]);
});

/** `localIds` is a Set of the options' local ids. */
async function sendVote(poll, localIds) {
  const mine = poll.id.remote.isLid() || poll.id.remote.isGroup() ? me.lid() : me.pn();
  const remote = poll.id.remote;
  const id = new MsgKey({
    from: mine,
    to: remote,
    id: newMsgId(),
    participant: remote.isGroup() ? mine : undefined,
    selfDir: 'out',
  });
  const now = Date.now();
  await upsert([
    {
      id,
      pollUpdateParentKey: poll.id,
      selectedOptionLocalIds: [...localIds],
      senderTimestampMs: now,
      t: now,
      from: mine,
      author: mine,
      ack: 0,
    },
  ]);
  const options = poll.pollOptions.filter((option) => localIds.has(option.localId)).map((option) => option.name);
  const answer = await outbox.send({ t: 'vote', id: id.id, key: String(id), target: String(poll.id), options });
  return { messageSendResult: answer.code === undefined ? SendMsgResult.OK : SendMsgResult.ERROR_UNKNOWN };
}

define('WAWebAddonPollVoteTableMode', () => ({ pollVoteTableMode }));
define('WAWebDBPollsUpsertVotes', () => ({ upsertVotesDb }));
define('WAWebPollsSendVoteMsgAction', () => ({ sendVote }));
