// The login: this companion's keys, the advertisement secret, the token the server gave at linking, and who we are.
//
// All of it is in localStorage, where the real app keeps it, so a login survives exactly when the profile does, and
// what a killed browser had not yet written is lost as it would be in truth.
import { define } from './runtime.js';
import { encodeB64, decodeB64, randomBytes } from './bytes.js';
import { EventEmitter } from './events.js';
import { createWid } from './wid.js';

const names = {
  noise: 'WANoiseInfo',
  identity: 'WASignalIdentity',
  adv: 'WAAdvSecretKey',
  advSigned: 'WAAdvSignedIdentity',
  token: 'WALoginToken',
  me: 'last-wid-md',
  pairedAt: 'WAPairingTimestamp',
};

function read(name) {
  return localStorage.getItem(names[name]);
}

function write(name, value) {
  if (value === undefined) localStorage.removeItem(names[name]);
  else localStorage.setItem(names[name], value);
}

function keyB64(name) {
  let key = read(name);
  if (!key) write(name, (key = encodeB64(randomBytes(32))));
  return key;
}

const noiseB64 = () => keyB64('noise');
const identityB64 = () => keyB64('identity');

let identity = JSON.parse(read('me') ?? 'null');
let connectedAsRegistered = false;

export const me = {
  pn: () => createWid(identity?.pn),
  lid: () => createWid(identity?.lid),
  is: (wid) => identity != null && wid != null && [identity.pn, identity.lid].includes(String(wid).replace(/:\d+@/, '@')),
  get: () => identity,
};

/** Emits `change` with the new secret; the QR changes with it although the ref stays. */
export const advSecretEventEmitter = new EventEmitter();

export const adv = {
  /** Throws while there is none: when a pairing code took the QR's place. */
  get() {
    const secret = read('adv');
    if (!secret) throw new Error('getADVSecretKey: no ADV secret key');
    return secret;
  },
  renew() {
    write('adv', encodeB64(randomBytes(32)));
    advSecretEventEmitter.trigger('change', read('adv'));
  },
  clear() {
    write('adv', undefined);
  },
  ensure() {
    if (!read('adv')) adv.renew();
  },
};

export const login = {
  token: () => read('token') ?? undefined,
  isRegistered: () => read('token') !== null,
  noiseB64,
  identityB64,
  /** Seconds since 1970 of the linking. */
  pairedAt: () => Number(read('pairedAt') ?? 0),

  begin(token, who) {
    identity = who;
    write('token', token);
    write('me', JSON.stringify(who));
    write('pairedAt', String(Math.floor(Date.now() / 1000)));
    document.cookie = `device=${token};max-age=31536000;secure`;
  },

  update(who) {
    identity = { ...identity, ...who };
    write('me', JSON.stringify(identity));
  },

  setConnected(value) {
    connectedAsRegistered = value;
  },

  /** Forgets everything, keys too: the next QR is another companion's. */
  clear() {
    for (const name of Object.keys(names)) write(name, undefined);
    document.cookie = 'device=;max-age=0;secure';
    connectedAsRegistered = false;
  },
};

define('WAWebUserPrefsInfoStore', () => ({
  waNoiseInfo: { get: async () => ({ staticKeyPair: { pubKey: decodeB64(noiseB64()) } }) },
}));

define('WAWebSignalStoreApi', () => ({
  waSignalStore: { getRegistrationInfo: async () => ({ identityKeyPair: { pubKey: decodeB64(identityB64()) } }) },
}));

define('WAWebAdvSignatureApi', () => ({
  getADVSecretKey: async () => adv.get(),
  generateADVSecretKey: async () => adv.renew(),
  clearADVSecretKey: async () => adv.clear(),
  setADVSignedIdentity: async (signed) => write('advSigned', signed),
}));

define('WAWebUserPrefsMultiDevice', () => ({
  advSecretEventEmitter,
  getADVSecretKey: () => adv.get(),
  setADVSecretKey: (secret) => write('adv', secret),
  isRegistered: () => login.isRegistered(),
  getPairingTimestamp: () => login.pairedAt() || undefined,
}));

define('WAWebUserPrefsIsLoggedIn', () => ({
  isLoggedIn: () => connectedAsRegistered,
  setIsConnectedAsRegistered: (value) => login.setConnected(value),
}));

function orThrow(get, name) {
  return () => {
    const wid = get();
    if (!wid) throw new Error(`${name}: not logged in`);
    return wid;
  };
}

function device(get) {
  return () => {
    const wid = get();
    return wid && createWid(`${wid.user}:${identity.deviceId ?? 0}@${wid.server}`);
  };
}

define('WAWebUserPrefsMeUser', () => ({
  getMaybeMePnUser: me.pn,
  getMaybeMeLidUser: me.lid,
  getMePnUserOrThrow_DO_NOT_USE: orThrow(me.pn, 'getMePnUserOrThrow'),
  getMeLidUserOrThrow: orThrow(me.lid, 'getMeLidUserOrThrow'),
  getMeUserOrThrow: orThrow(me.pn, 'getMeUserOrThrow'),
  getMaybeMeDevicePn: device(me.pn),
  getMaybeMeDeviceLid: device(me.lid),
  getMaybeMeDeviceId: () => identity?.deviceId,
  getMaybeMeDisplayName: () => identity?.pushname,
  isMeAccount: me.is,
  isMePrimary: (wid) => me.is(wid) && !wid.device,
  isMePnUser: (wid) => identity != null && String(wid) === identity.pn,
  isMeDevice: (wid) => me.is(wid) && wid.device === identity.deviceId,
  isSerializedWidMe: me.is,
}));

define('WAWebCompanionRegClientUtils', () => ({
  DEVICE_PLATFORM: '1',
  getCompanionWebClientFromBrowser: () => '1',
}));
