// One way through wa-js, with the keys of today: it does not need the older ones.
import { openWith } from './client.mjs';
import { leaving, linking } from './linking.mjs';
import { lookups } from './lookups.mjs';
import { messages } from './messages.mjs';

const TIMES = ['--first-ref-ms', '4000', '--next-ref-ms', '15000', '--ack-server-ms', '60', '--ack-device-ms', '150', '--ack-read-ms', '300'];

export const wajs = [
  { client: 'wa-js', open: openWith({ number: '15551230010', args: TIMES }), steps: [...linking, ...messages, ...lookups, ...leaving] },
];
