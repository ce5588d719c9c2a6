// MsgKey: the full key of a message, `<fromMe>_<chat>_<id>[_<participant>]`, with `_out` or `_in` in the chat with oneself.
//
// Since August 2026 it has no `_serialized`; its text is `toString()`. The older shape is the fault `old_msgkey`.
import { define } from './runtime.js';
import { randomHex, sha256B64, decodeB64 } from './bytes.js';
import { Wid, createWid } from './wid.js';
import { me } from './login.js';
import { active } from './switches.js';

export class MsgKey {
  /** From `{from, to, id, participant?, selfDir?}` or from `{fromMe, remote, id, participant?}`. */
  constructor(given) {
    if (!given) throw new Error('MsgKey error: obj is null/undefined');
    if (!me.pn()) throw new Error('MsgKey error: me is undefined. Running tests? Call setupGlobalsForTests first.');
    const byParties = given.from != null && given.to != null && Boolean(given.id);
    const byRemote = given.fromMe !== undefined && given.remote != null && Boolean(given.id);
    if (byParties && byRemote) throw new Error('MsgKey error: unclear which constructor to use');
    if (!byParties && !byRemote) throw new Error("MsgKey error: don't have a matching constructor");
    const wids = byParties ? [given.from, given.to] : [given.remote];
    if (![...wids, ...(given.participant ? [given.participant] : [])].every(Wid.isWid)) {
      throw new Error('MsgKey error: something is not a wid');
    }
    const self = byParties ? this.takeParties(given) : this.takeRemote(given);
    this.id = given.id;
    const tail = [];
    if (self !== undefined) tail.push((this.self = self));
    if (given.participant !== undefined) tail.push((this.participant = given.participant));
    const text = [this.fromMe, this.remote, this.id, ...tail].join('_');
    if (active.oldMsgKey) this._serialized = text;
    else this.$1 = text;
  }

  /** Gives the direction in the chat with oneself. */
  takeParties({ from, to, selfDir }) {
    const withSelf = from.equals(to);
    if (me.is(from)) Object.assign(this, { fromMe: withSelf ? selfDir === 'out' : true, remote: to });
    else if (me.is(to)) Object.assign(this, { fromMe: false, remote: from });
    else if (withSelf && (from.isGroup() || from.isBroadcast())) Object.assign(this, { fromMe: true, remote: from });
    return withSelf ? selfDir : undefined;
  }

  takeRemote({ fromMe, remote }) {
    Object.assign(this, { fromMe, remote });
    if (!me.is(remote)) return undefined;
    return fromMe ? 'out' : 'in';
  }

  toString() {
    return this._serialized ?? this.$1;
  }

  toJSON() {
    return { ...this };
  }

  equals(other) {
    return other instanceof MsgKey && String(other) === String(this);
  }

  clone() {
    return new MsgKey({ fromMe: this.fromMe, remote: this.remote, id: this.id, participant: this.participant });
  }

  isGroup() {
    return this.remote.isGroup();
  }

  static fromString(text) {
    const [fromMe, remote, id, tail] = String(text).split('_');
    if (!id) throw new Error(`MsgKey error: cannot parse ${text}`);
    const participant = tail && tail.includes('@') ? createWid(tail) : undefined;
    return new MsgKey({ fromMe: fromMe === 'true', remote: createWid(remote), id, participant });
  }

  static from(value) {
    return value instanceof MsgKey ? value : MsgKey.fromString(value);
  }

  static async newId() {
    return newMsgId();
  }

  static displayName() {
    return 'MsgKey';
  }
}

/** `3EB0` and 18 hexadecimal digits. */
export function newMsgId() {
  return `3EB0${randomHex(9)}`;
}

define('WAWebMsgKey', () => ({ default: MsgKey }));

define('WAWebMsgKeyNewId', () => ({
  getMsgKeyNewSHA256Id: async () => {
    const digest = new Uint8Array(decodeB64(await sha256B64(new TextEncoder().encode(randomHex(32)))));
    return `3EB0${[...digest.subarray(0, 9)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
      .toUpperCase()}`;
  },
  genMsgKeyUint: () => crypto.getRandomValues(new Uint32Array(1))[0],
}));

const TranslateMsgKeyType = Object.freeze({ Message: 'message', Addon: 'addon' });

/** Where a message goes, from its key: the fields of a send that the key determines. */
export function msgKeyToTargetInfo(key) {
  const mine = key.participant ?? (key.remote.isLid() ? me.lid() : me.pn());
  return {
    from: key.fromMe ? mine : key.remote,
    to: key.fromMe ? key.remote : mine,
    author: key.participant,
  };
}

define('WAWebMsgKeyUtils', () => ({
  TranslateMsgKeyType,
  msgKeyToTargetInfo,
  isLidMsgKey: (key) => key.remote.isLid() || Boolean(key.participant?.isLid()),
  isNoteToSelf: (key) => me.is(key.remote),
}));

define('WAWebReferentialMsgKey', () => ({ getReferentialMsgKey: (msg) => msg.id.clone() }));
