// From a connection to ready: hello, what waited offline, and after a linking the critical sync and the history.
//
// `hasSynced` comes clearly after CONNECTED (settleMs at the least): a client that listens too late misses it. Mode MAIN,
// `hasSynced` and stream CONNECTED then follow within one tick, each with its own events. A freshly linked page has a limit
// for the critical sync and the same again for the history; past it, it logs itself out.
import { importNamespace, settings } from './runtime.js';
import { socket } from './socket.js';
import { login } from './login.js';
import { tables } from './storage.js';
import { active } from './switches.js';
import { outbox } from './outbox.js';
import { learn } from './people.js';
import { learnGroups } from './groups.js';
import { ChatCollection, learnChats, putAway, show, storeChats } from './chats.js';
import { modelOfRow, toRow } from './messages.js';
import { attributesOf, onArrival } from './incoming.js';
import { logout, LogoutReason } from './logout.js';
import { createWid } from './wid.js';
import { VERSION } from './version.js';
import { Cmd, Conn, Socket, Stream, SOCKET_STATE, SOCKET_STREAM, StreamInfo, StreamMode, setOfflineProgress } from './state.js';

/** How often the progress is told while the app gets ready, in milliseconds. */
const PROGRESS_EVERY_MS = 200;

const limits = {};
let connectedAt = 0;
let waiting = { count: 0, arrived: 0 };
let readyTimer;
let progressTimer;

socket.watch('opening', () => {
  Socket.set({ state: SOCKET_STATE.OPENING });
  Stream.set({ info: StreamInfo.OPENING });
});

/** What the phone will list: the registration names browser and system as they are at this moment. */
function deviceName() {
  const { name, os } = importNamespace('WAWebMiscBrowserUtils').default.info();
  return `${name} (${os})`;
}

socket.watch('open', () => {
  Socket.set({ state: SOCKET_STATE.PAIRING });
  Stream.set({ info: StreamInfo.PAIRING });
  socket.send({
    t: 'hello',
    token: login.token(),
    noise: login.noiseB64(),
    identity: login.identityB64(),
    platform: '1',
    version: VERSION,
    device: deviceName(),
  });
});

socket.watch('closed', () => {
  clearTimeout(readyTimer);
  clearInterval(progressTimer);
  Socket.set({ stream: SOCKET_STREAM.DISCONNECTED });
  Stream.set({ info: StreamInfo.OFFLINE });
});

socket.on('resumed', ({ me }) => {
  login.update(me);
  login.setConnected(true);
  connectedAt = Date.now();
  Conn.set({ wid: createWid(me.pn), pushname: me.pushname, platform: me.platform, connected: true });
  Socket.set({ state: SOCKET_STATE.CONNECTED });
  Stream.set({ info: StreamInfo.SYNCING });
  if (!synced.has('critical')) limit('critical', LogoutReason.CriticalSyncTimeout);
  else if (!synced.has('history')) limit('history', LogoutReason.HistorySyncTimeout);
});

function limit(part, reason) {
  limits[part] ??= setTimeout(() => void logout(reason, { tell: true }), settings.syncLimitMs);
}

/** Which of `critical` and `history` are done. Kept beside what they brought, not with the login: both survive a kill. */
const synced = new Set();

export async function loadSynced() {
  for (const { id } of await tables.user.all()) synced.add(id);
}

async function finish(part) {
  clearTimeout(limits[part]);
  synced.add(part);
  await tables.user.put({ id: part });
  socket.send({ t: 'synced', what: part });
}

socket.on('offline', ({ count }) => {
  waiting = { count, arrived: 0 };
  if (count) setOfflineProgress(0);
});

onArrival(() => {
  if (waiting.arrived >= waiting.count) return;
  waiting.arrived += 1;
  setOfflineProgress((99 * waiting.arrived) / waiting.count);
});

socket.on('online', () => {
  if (waiting.count || !Socket.hasSynced) setOfflineProgress(99);
  waiting = { count: 0, arrived: 0 };
  outbox.resume();
  if (Socket.hasSynced) {
    Socket.set({ stream: SOCKET_STREAM.CONNECTED });
    Stream.set({ info: StreamInfo.NORMAL });
  } else if (synced.has('critical')) becomeReady();
});

socket.on('critical', async ({ contacts, chats, groups }) => {
  if (active.neverSync) return;
  await learn(contacts);
  await learnGroups(groups);
  await learnChats(chats);
  await finish('critical');
  if (!synced.has('history')) limit('history', LogoutReason.HistorySyncTimeout);
  becomeReady();
});

// Listens before any client can: whoever hears of `hasSynced` finds the mode changed already.
Socket.on('change:hasSynced', (_socket, hasSynced) => {
  if (hasSynced) Stream.set({ mode: active.blockedMode ?? StreamMode.MAIN, info: StreamInfo.NORMAL });
});

function becomeReady() {
  if (active.neverSync) return;
  clearTimeout(readyTimer);
  const settled = Math.max(0, connectedAt + settings.settleMs - Date.now());
  clearInterval(progressTimer);
  progressTimer = setInterval(() => setOfflineProgress(99), PROGRESS_EVERY_MS);
  readyTimer = setTimeout(() => {
    clearInterval(progressTimer);
    Cmd.isMainLoaded = true;
    Socket.set({ hasSynced: true, stream: SOCKET_STREAM.CONNECTED });
  }, settled + active.lateHasSyncedMs);
}

// Thousands of messages go to the table as rows; in memory a chat gets its last one, as after a start.
socket.on('history', async ({ chats, messages, last }) => {
  if (active.neverSync) return;
  await learnChats(chats);
  const rows = messages.map((message) => {
    const attributes = attributesOf(message);
    return toRow({ attributes, id: attributes.id, ack: attributes.ack }, message.chatId);
  });
  await tables.message.bulkPut(rows);
  const newest = new Map();
  for (const row of rows) if (!(newest.get(row.chatId)?.t > row.t)) newest.set(row.chatId, row);
  for (const [id, row] of newest) {
    const chat = ChatCollection.gadd(id);
    if (chat.last?.t >= row.t) continue;
    if (chat.last && !chat.last.isNewMsg) putAway(chat.last, chat);
    show(modelOfRow(row), chat);
  }
  await storeChats([...newest.keys()].map((id) => ChatCollection.get(id)));
  if (last) await finish('history');
});

// What a conflict looks like: the stream ends and stays so, while the state still says CONNECTED.
socket.on('stream_error', () => {
  socket.stop();
  Socket.set({ stream: SOCKET_STREAM.DISCONNECTED });
});

Stream.on('change:mode', (_stream, mode) => socket.send({ t: 'mode', mode }));
