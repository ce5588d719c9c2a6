// From nothing to ready: the QR, its rotation, the scan, and what the client says on the way.
import { essential, step } from '../runner/scenario.mjs';
import { fails, holds, matches, same } from '../runner/expect.mjs';
import { PUSHNAME } from '../runner/people.mjs';
import { Refused } from '../runner/phones.mjs';
import { START_MS, until } from '../runner/waiting.mjs';

/** The five parts of a QR; throws when it is none. */
function partsOf(qr) {
  const [ref, noise, identity, secret, platform, ...more] = qr.split(',');
  same(more, [], 'more than five parts in the QR');
  matches(ref, /^2@[\w-]+/, 'the ref');
  for (const [name, key] of Object.entries({ noise, identity, secret })) {
    same(Buffer.from(key ?? '', 'base64').length, 32, `bytes of the ${name} key`);
  }
  return { ref, keys: { noise, identity, secret, platform } };
}

async function firstQr(w) {
  w.start();
  const [qr] = await w.events.wait('qr', { limitMs: START_MS });
  partsOf(qr);
  w.qrs = [qr];
}

async function rotatedQr(w) {
  const [qr] = await w.events.wait('qr', { fits: (other) => other !== w.qrs[0] });
  const [before, after] = [partsOf(w.qrs[0]), partsOf(qr)];
  holds(before.ref !== after.ref, 'the ref did not change');
  same(after.keys, before.keys, 'keys of the rotated QR');
  w.qrs.push(qr);
}

async function oldQr(w) {
  const error = await fails(() => w.phones.scan(w.qrs[0], w.number, PUSHNAME), 'scanning a QR whose time is over');
  holds(error instanceof Refused && error.status === 409, `not refused with 409: ${error.message}`);
}

async function scan(w) {
  await w.phones.scan(w.events.all('qr').at(-1)[0], w.number, PUSHNAME);
  await until('the page is back as a linked one', async () => {
    const linked = (await w.phones.pages()).filter((page) => page.linked);
    return linked.length === 1 && String(linked[0].number) === w.number;
  });
}

async function loadingScreen(w) {
  const [percent, message] = await w.events.wait('loading_screen', { fits: (done) => done === 99 });
  same([percent, message], [99, 'WhatsApp'], 'loading_screen');
}

async function authenticated(w) {
  await w.events.wait('authenticated');
}

async function ready(w) {
  await w.events.wait('ready');
  await w.starting;
  const names = w.events.names();
  holds(names.indexOf('loading_screen') < names.indexOf('authenticated'), `loading_screen after authenticated: ${names}`);
  holds(names.indexOf('authenticated') < names.indexOf('ready'), `authenticated after ready: ${names}`);
  same(await w.client.getState(), 'CONNECTED', 'state');
}

async function info(w) {
  const { pushname, wid, platform } = w.client.info;
  same({ pushname, wid: wid._serialized, platform }, { pushname: PUSHNAME, wid: `${w.number}@c.us`, platform: 'android' }, 'info');
}

/** Links without looking at each step, for scenarios about something else. */
export async function link(w) {
  w.start();
  const [qr] = await w.events.wait('qr', { limitMs: START_MS });
  await w.phones.scan(qr, w.number, PUSHNAME);
  await w.events.wait('ready');
  await w.starting;
}

async function code(w) {
  w.start({ pairWithPhoneNumber: { phoneNumber: w.number, showNotification: true, intervalMs: 180_000 } });
  const [shown] = await w.events.wait('code', { limitMs: START_MS });
  matches(shown, /^[0-9A-Z]{8}$/, 'the pairing code');
  w.code = shown;
}

async function wrongCode(w) {
  const wrong = w.code.startsWith('Z') ? `Y${w.code.slice(1)}` : `Z${w.code.slice(1)}`;
  const error = await fails(() => w.phones.pair(wrong, w.number, PUSHNAME), 'typing another code');
  holds(error instanceof Refused && error.status === 409, `not refused with 409: ${error.message}`);
}

async function pair(w) {
  await w.phones.pair(w.code, w.number, PUSHNAME);
  await w.events.wait('ready');
  same(w.client.info.wid._serialized, `${w.number}@c.us`, 'who is linked');
  same(w.events.all('qr'), [], 'QRs shown');
}

export const linking = [
  essential('qr', firstQr),
  essential('qr rotates: a new ref, the same keys', rotatedQr),
  step('a scan of the old qr is refused', oldQr),
  essential('scan', scan),
  step('loading_screen', loadingScreen),
  step('authenticated', authenticated),
  essential('ready', ready),
  step('info', info),
];

export const pairing = [
  essential('pairing code: eight characters', code),
  step('pairing code: another one is refused', wrongCode),
  essential('pairing code: typed on the phone gives ready, no qr', pair),
];
