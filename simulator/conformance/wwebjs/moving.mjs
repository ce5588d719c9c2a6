// A login that the client made goes on in drover: `drover import` of its LocalAuth folder, without a QR.
import { essential, step } from '../runner/scenario.mjs';
import { startDrover } from '../runner/drover.mjs';
import { fails, holds, matches, same } from '../runner/expect.mjs';
import { PEER } from '../runner/people.mjs';
import { link } from './linking.mjs';

async function refusedWhileItRuns(w) {
  w.drover = await startDrover(w.scope, w.folder, w.simulator.port);
  const error = await fails(() => w.drover.run('import', w.folder), 'importing a folder whose browser runs');
  matches(error.message, /in use/, 'why');
}

async function imported(w) {
  await w.end();
  matches(await w.drover.run('import', w.folder), /conformance: linked as \+\d+, without a QR/, 'what import says');
  const linked = (await w.phones.pages()).filter((page) => page.linked);
  same(linked.map((page) => String(page.number)), [w.number], 'linked pages');
  const events = await w.drover.run('events', '--session', 'conformance', '--last', '1000', '--json');
  holds(!events.split('\n').some((line) => line.includes('"event":"qr"')), 'a QR was shown');
}

async function sends(w) {
  await w.drover.run('send', 'conformance', PEER, 'From drover now', '--wait', 'server');
  const entries = (await w.phone.sent()).filter(({ body }) => body === 'From drover now');
  same(entries.map(({ shown }) => shown), [1], 'times shown');
}

export const moving = [
  essential('to drover: qr, scan, ready', link),
  step('to drover: a folder that is in use is refused', refusedWhileItRuns),
  essential('to drover: import, working without a qr', imported),
  step('to drover: sends', sends),
];
