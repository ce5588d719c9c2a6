// Wid: the id of a person (`@c.us` by number, `@lid` by LID), a group, a broadcast.
import { define } from './runtime.js';

export class Wid {
  constructor(text) {
    const match = /^(?:([^@:]+)(?::(\d+))?@)?([a-z.]+)$/.exec(String(text));
    if (!match) throw new Error(`wid error: invalid wid ${text}`);
    this.server = match[3];
    this.user = match[1];
    if (match[2] !== undefined) this.device = Number(match[2]);
    this._serialized = String(text).replace('@s.whatsapp.net', '@c.us');
    if (this.server === 's.whatsapp.net') this.server = 'c.us';
  }

  toString(options) {
    return options?.legacy ? this.toJid() : this._serialized;
  }

  toJSON() {
    return this._serialized;
  }

  toJid() {
    return this._serialized.replace('@c.us', '@s.whatsapp.net');
  }

  toLogString() {
    return this._serialized;
  }

  equals(other) {
    return other instanceof Wid && other._serialized === this._serialized;
  }

  isSameAccount(other) {
    return this.user === other.user && this.server === other.server;
  }

  getDeviceId() {
    return this.device ?? 0;
  }

  isUser() {
    return ['c.us', 'lid', 'bot'].includes(this.server);
  }

  isRegularUser() {
    return this.isRegularUserPn() || this.isLid();
  }

  isRegularUserPn() {
    return this.server === 'c.us' && !this.isPSA();
  }

  isLid() {
    return this.server === 'lid';
  }

  isGroup() {
    return this.server === 'g.us';
  }

  isBroadcast() {
    return this.server === 'broadcast';
  }

  isStatus() {
    return this._serialized === 'status@broadcast';
  }

  isStatusV3() {
    return this.isStatus();
  }

  isNewsletter() {
    return this.server === 'newsletter';
  }

  isBot() {
    return this.server === 'bot';
  }

  isPSA() {
    return this._serialized === '0@c.us';
  }

  isServer() {
    return this.server === 'server';
  }

  isGroupCall() {
    return this.server === 'call';
  }

  isHosted() {
    return false;
  }

  isCompanion() {
    return this.getDeviceId() !== 0;
  }

  static isWid(value) {
    return value instanceof Wid;
  }

  static equals(a, b) {
    return a != null && b != null && String(a) === String(b);
  }

  static isXWid(server, value) {
    return String(value).endsWith(`@${server}`);
  }

  static isUser(value) {
    return Wid.isXWid('c.us', value) || Wid.isXWid('lid', value) || Wid.isXWid('bot', value);
  }

  static isLid(value) {
    return Wid.isXWid('lid', value);
  }

  static isGroup(value) {
    return Wid.isXWid('g.us', value);
  }

  static isBroadcast(value) {
    return Wid.isXWid('broadcast', value);
  }

  static isStatus(value) {
    return String(value) === 'status@broadcast';
  }

  static isStatusV3(value) {
    return Wid.isStatus(value);
  }

  static isNewsletter(value) {
    return Wid.isXWid('newsletter', value);
  }

  static isBot(value) {
    return Wid.isXWid('bot', value);
  }

  static user(value) {
    return String(value).split('@')[0];
  }
}

/** From text, a Wid, or what a Wid became on its way through a client (`{user, server}`). */
export function createWid(value) {
  if (value == null || value === '') return undefined;
  if (value instanceof Wid) return value;
  if (typeof value === 'object') return new Wid(value._serialized ?? `${value.user}@${value.server}`);
  return new Wid(value);
}

/** The account without the device. */
function asUserWid(wid) {
  return wid.device === undefined ? wid : new Wid(`${wid.user}@${wid.server}`);
}

function asUserWidOrThrow(wid) {
  if (!wid?.isUser()) throw new Error(`asUserWidOrThrow: ${wid} is not a user`);
  return asUserWid(wid);
}

function only(test, name) {
  return (wid) => {
    if (!test(wid)) throw new Error(`${name}: ${wid}`);
    return wid;
  };
}

define('WAWebWid', () => ({ default: Wid }));

define('WAWebWidFactory', () => ({
  createWid,
  createWidFromWidLike: createWid,
  isWidlike: (value) =>
    value instanceof Wid || (value != null && typeof value === 'object' && 'user' in value && 'server' in value),
  createUserWidOrThrow: (user, server = 'c.us') =>
    asUserWidOrThrow(new Wid(String(user).includes('@') ? user : `${user}@${server}`)),
  createUserLidOrThrow: (user) => new Wid(String(user).includes('@') ? user : `${user}@lid`),
  createDeviceWidFromUserAndDevice: (user, server, device) =>
    new Wid(device ? `${user}:${device}@${server}` : `${user}@${server}`),
  asUserWidOrThrow,
  asUserLidOrThrow: only((wid) => wid?.isLid(), 'asUserLidOrThrow'),
  asGroupWidOrThrow: only((wid) => wid?.isGroup(), 'asGroupWidOrThrow'),
  asBotWidOrThrow: only((wid) => wid?.isBot(), 'asBotWidOrThrow'),
  asNewsletterWidOrThrow: only((wid) => wid?.isNewsletter(), 'asNewsletterWidOrThrow'),
  asChatWid: (wid) => asUserWid(wid),
}));

define('WAWebWidToJid', () => ({
  widToUserJid: (wid) => asUserWid(wid).toJid(),
  widToGroupJid: (wid) => wid.toJid(),
  widToChatJid: (wid) => asUserWid(wid).toJid(),
}));

define('WAWebJidToWid', () => ({
  userJidToUserWid: createWid,
  chatJidToChatWid: createWid,
  groupJidToWid: createWid,
}));
