// The page's own faults (PROTOCOL.md): those the server wrote into the HTML hold from the start, others come as frames.
// Applying one twice is applying it once; `clear` undoes them.
import { settings, takeAway, restore } from './runtime.js';
import { socket } from './socket.js';
import { active } from './switches.js';
import { Stream } from './state.js';

const held = [];
let leak;

function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Memory that is really used: written, and kept reachable. */
function hold(mb) {
  const missing = mb - held.length;
  for (let i = 0; i < missing; i += 1) held.push(new Array(131_072).fill(Math.random()));
}

const apply = {
  hang: ({ ms }) => setTimeout(() => block(ms), 0),
  crash: () => setTimeout(crash, 0),
  never_sync: () => (active.neverSync = true),
  late_has_synced: ({ ms }) => (active.lateHasSyncedMs = ms),
  missing_export: (fault) => takeAway(fault.module, fault.export),
  old_msgkey: () => (active.oldMsgKey = true),
  block({ mode }) {
    active.blockedMode = mode;
    Stream.set({ mode });
  },
  hang_logout: () => (active.hangLogout = true),
  heap: ({ mb }) => hold(mb),
  leak({ mbPerMinute }) {
    clearInterval(leak);
    leak = setInterval(() => hold(held.length + 1), 60_000 / mbPerMinute);
  },
  clear() {
    Object.assign(active, { oldMsgKey: false, neverSync: false, lateHasSyncedMs: 0, blockedMode: undefined, hangLogout: false });
    clearInterval(leak);
    held.length = 0;
    restore();
  },
};

/**
 * Ends the renderer, which no script is meant to be able to: a selector nested beyond the parser's stack does it at once.
 * A Chromium that takes it runs out of memory instead.
 */
function crash() {
  try {
    document.querySelector(':is('.repeat(300_000));
  } catch {
    const exhausting = [];
    for (;;) exhausting.push(new Array(1 << 20).fill(Math.random()));
  }
}

function applyFault(fault) {
  apply[fault.name]?.(fault);
}

export function applyInitialFaults() {
  settings.faults.forEach(applyFault);
}

socket.on('fault', applyFault);
