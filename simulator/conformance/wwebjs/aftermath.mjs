// What happens to messages later: reactions, votes, edits, revokes, by the other side and by us.
import { step } from '../runner/scenario.mjs';
import { holds, matches, same } from '../runner/expect.mjs';
import { PEER } from '../runner/people.mjs';
import { until } from '../runner/waiting.mjs';

const shown = (w, message) => w.phone.shown(PEER, message.id.id);

async function reaction(w) {
  await w.phone.act('react', { id: w.text.id.id, text: '👍' });
  const [about] = await w.events.wait('message_reaction', { fits: ({ msgId }) => msgId._serialized === w.text.id._serialized });
  same(about.reaction, '👍', 'the reaction');
  matches(about.senderId, /@lid$/, 'who reacted');
  holds(Math.abs(about.timestamp - Date.now() / 1000) < 120, `not a time in seconds: ${about.timestamp}`);
}

async function ownReaction(w) {
  await w.received.react('🎉');
  await until('the phone shows the reaction', async () => (await shown(w, w.received)).reactions.includes('🎉'));
}

async function edit(w) {
  await w.phone.act('edit', { id: w.received.id.id, body: 'Good evening, Ana!' });
  const [message, body, before] = await w.events.wait('message_edit', { fits: ({ id }) => id.id === w.received.id.id });
  same([body, before, message.body], ['Good evening, Ana!', 'Good morning, Ana!', 'Good evening, Ana!'], 'new, old, the message');
}

async function ownEdit(w) {
  const edited = await w.text.edit('Good afternoon, Ben!');
  same(edited?.body, 'Good afternoon, Ben!', 'what edit returns');
  await until('the phone shows the edit', async () => (await shown(w, w.text)).body === 'Good afternoon, Ben!');
}

async function revoke(w) {
  await w.phone.act('revoke', { id: w.received.id.id });
  const [after] = await w.events.wait('message_revoke_everyone', {
    fits: ({ protocolMessageKey }) => protocolMessageKey?.id === w.received.id.id,
  });
  same([after.type, after.body], ['revoked', ''], 'what is left of it');
}

async function ownRevoke(w) {
  await w.text.delete(true);
  await until('the phone shows the revoke', async () => (await shown(w, w.text)).type === 'revoked');
}

export const aftermath = [
  step('message_reaction', reaction),
  step('react', ownReaction),
  step('message_edit', edit),
  step('edit', ownEdit),
  step('message_revoke_everyone', revoke),
  step('delete for everyone', ownRevoke),
];
