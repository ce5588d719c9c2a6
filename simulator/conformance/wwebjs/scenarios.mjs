// The ways through whatsapp-web.js: everything with the older keys it was written for, the pairing code, its defect with the keys of
// today, and the way from it to drover.
import { preparePhone } from '../runner/people.mjs';
import { aftermath } from './aftermath.mjs';
import { openWith } from './client.mjs';
import { lifecycle } from './lifecycle.mjs';
import { linking, pairing } from './linking.mjs';
import { lookups } from './lookups.mjs';
import { modern } from './modern.mjs';
import { moving } from './moving.mjs';
import { receiving } from './receiving.mjs';
import { sending } from './sending.mjs';

const CLIENT = 'whatsapp-web.js';
/** The first ref ends soon, so that the rotation is seen; the next ones leave time for all that follows. */
const TIMES = ['--first-ref-ms', '3000', '--next-ref-ms', '15000', '--ack-server-ms', '60', '--ack-device-ms', '150', '--ack-read-ms', '300'];
/** The client hears of a restart's `hasSynced` only if its listeners are there by then; on a busy machine that takes a while. */
const SETTLING = ['--settle-ms', '4000'];
const OLDER_KEYS = { old_msgkey: true };

export const wwebjs = [
  {
    client: CLIENT,
    open: openWith({ number: '15551230000', args: [...TIMES, ...SETTLING], faults: OLDER_KEYS, prepare: preparePhone }),
    steps: [...linking, ...sending, ...receiving, ...aftermath, ...lookups, ...lifecycle],
  },
  { client: CLIENT, open: openWith({ number: '15551230001', args: TIMES, faults: OLDER_KEYS }), steps: pairing },
  { client: CLIENT, open: openWith({ number: '15551230002', args: TIMES }), steps: modern },
  { client: CLIENT, open: openWith({ number: '15551230003', args: TIMES }), steps: moving },
];
