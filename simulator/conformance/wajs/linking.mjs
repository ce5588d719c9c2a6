// Loading, the auth code, a scan; and after a logout the pairing code.
import { essential, step } from '../runner/scenario.mjs';
import { holds, matches, same } from '../runner/expect.mjs';
import { PUSHNAME } from '../runner/people.mjs';
import { START_MS, until } from '../runner/waiting.mjs';

async function isReady(w) {
  await w.page.goto('https://web.whatsapp.com/');
  const flags = () => w.call(() => [WPP.version, WPP.loader.loaderType, WPP.isInjected, WPP.isReady]);
  await until('isReady', async () => (await flags())[3], START_MS);
  same(await flags(), ['4.6.0', 'meta', true, true], 'version, loader, isInjected, isReady');
}

async function authCode(w) {
  const code = await until('getAuthCode gives a code', () => w.call(() => WPP.conn.getAuthCode()));
  const { type, ref, staticKeyPair, identityKeyPair, secretKey, fullCode } = code;
  same(type, 'multidevice', 'type');
  same([staticKeyPair, identityKeyPair, secretKey].map((key) => Buffer.from(key, 'base64').length), [32, 32, 32], 'bytes of the keys');
  same(fullCode, [ref, staticKeyPair, identityKeyPair, secretKey].join(), 'fullCode, which has no fifth part in wa-js');
  w.firstCode = fullCode;
}

async function authCodeChange(w) {
  const [code] = await w.events.wait('conn.auth_code_change', { fits: (other) => other && other !== w.firstCode });
  holds(code.split(',')[0] !== w.firstCode.split(',')[0], 'the ref did not change');
  same(code.split(',').slice(1), w.firstCode.split(',').slice(1), 'the keys of the new code');
}

async function isLinked(w) {
  const state = () =>
    w.call(() => [WPP.conn.isRegistered(), WPP.conn.isAuthenticated(), WPP.conn.isMainReady(), WPP.isFullReady, WPP.conn.getStreamData().mode]);
  await until('authenticated, mode MAIN', async () => String(await state()) === 'true,true,true,true,MAIN', START_MS);
  same(await w.call(() => String(WPP.conn.getMyUserId())), `${w.number}@c.us`, 'getMyUserId');
}

async function scan(w) {
  const { fullCode } = await w.call(() => WPP.conn.getAuthCode());
  await w.phones.scan(fullCode, w.number, PUSHNAME);
  await w.events.wait('conn.stream_mode_changed', { fits: (mode) => mode === 'MAIN' });
}

async function logout(w) {
  const before = w.events.length;
  const navigated = w.page.waitForNavigation({ timeout: START_MS });
  // It waits for Cmd `logout`, which the app does not fire: the navigation ends it.
  w.call(() => WPP.conn.logout()).catch(() => {});
  await navigated;
  same(new URL(w.page.url()).searchParams.get('post_logout'), '1', 'post_logout in the address');
  await w.events.wait('conn.require_auth', { from: before });
  same((await w.phones.pages()).filter((page) => page.linked), [], 'linked pages');
}

async function linkCode(w) {
  await until('isReady', () => w.call(() => WPP.isReady));
  const code = await w.call((number) => WPP.conn.genLinkDeviceCodeForPhoneNumber(number), w.number);
  matches(code, /^[0-9A-Z]{8}$/, 'the code');
  const from = w.events.length;
  await w.phones.pair(code, w.number, PUSHNAME);
  await w.events.wait('conn.stream_mode_changed', { from, fits: (mode) => mode === 'MAIN' });
  await isLinked(w);
}

async function nothingInvented(w) {
  const never = ['conn.main_loaded', 'conn.authenticated', 'conn.logout'];
  same(w.events.names().filter((name) => never.includes(name)), [], 'events of Cmd main_loaded and logout');
  same(await w.call(() => typeof require('WAWebCmd').Cmd.refreshQR), 'undefined', 'Cmd.refreshQR');
}

export const linking = [
  essential('isReady', isReady),
  essential('getAuthCode', authCode),
  step('conn.auth_code_change: a new ref, the same keys', authCodeChange),
  essential('scan', scan),
  essential('isFullReady, authenticated', isLinked),
];

export const leaving = [
  essential('logout', logout),
  step('genLinkDeviceCodeForPhoneNumber, typed on the phone', linkCode),
  step('no Cmd main_loaded or logout was fired, no Cmd.refreshQR', nothingInvented),
];
