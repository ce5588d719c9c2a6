// What has left the page and has no answer of the server yet. It lives in memory: over a lost connection it is sent again
// by itself, with the same key; a reload forgets it, and then nothing is sent again unless somebody asks.
import { socket } from './socket.js';

const pending = new Map();
let online = false;

export const outbox = {
  /** Sends a frame that carries a `key`; resolves to `{ack}` or `{code}` with the server's answer. */
  send(frame) {
    const before = pending.get(frame.key);
    return new Promise((resolve) => {
      pending.set(frame.key, { frame, resolve: (answer) => [before?.resolve, resolve].forEach((tell) => tell?.(answer)) });
      if (online) socket.send(frame);
    });
  },

  settle(key, answer) {
    const entry = pending.get(key);
    pending.delete(key);
    entry?.resolve(answer);
  },

  /** The hand-shake is over: what has no answer goes again, in order. */
  resume() {
    online = true;
    for (const { frame } of pending.values()) socket.send(frame);
  },
};

socket.watch('closed', () => (online = false));
socket.watch('opening', () => (online = false));
