// The client's own defect, shown once: with the keys of today, which have no `_serialized`, it sends and returns nothing.
import { essential, step } from '../runner/scenario.mjs';
import { holds, same } from '../runner/expect.mjs';
import { PEER } from '../runner/people.mjs';
import { until } from '../runner/waiting.mjs';
import { link } from './linking.mjs';

async function sendsAndReturnsNothing(w) {
  const returned = await w.client.sendMessage(`${PEER}@c.us`, 'Once');
  same(returned, undefined, 'what sendMessage returns');
  const [entry] = await until('the phone has a message', async () => {
    const entries = await w.phone.sent();
    return entries.length > 0 && entries;
  });
  same([entry.body, entry.received, entry.shown], ['Once', 1, 1], 'body, times received and shown');
}

async function announced(w) {
  const [message] = await w.events.wait('message_create', { fits: ({ body }) => body === 'Once' });
  holds(!('_serialized' in message.id), `the key has a _serialized: ${JSON.stringify(message.id)}`);
  await w.events.wait('message_ack', { fits: ({ id }, ack) => id.id === message.id.id && ack === 3 });
}

export const modern = [
  essential('modern keys: qr, scan, ready', link),
  step('modern keys: sendMessage sends once, returns undefined', sendsAndReturnsNothing),
  step('modern keys: message_create and message_ack all the same', announced),
];
