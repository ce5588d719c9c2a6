// What outlives a bridge in its page, and how it speaks.

// Kept beside the bridge, so that the next one has it however this one ended.
const memory = (window.__droverMemory ??= {
  acks: new Map(), // the highest ack told, by key
  told: new Set(), // keys of messages told
  own: new Set(), // bare ids that drover sent in this page
  runs: new Map(), // sends under way, by key
  ref: { value: undefined, since: 0, before: -1 }, // the ref on show, since when, and how many came before it in its round
  qr: undefined, // the code told last
  browserInfo: undefined, // the app's own word for its browser
  presences: new Map(), // chats whose presence is told, as they were asked for
  inputs: new Map(), // file inputs, by the key of the message that the file is for
  jobs: new Map(), // uploads and downloads, by what they are for
});
// A page may have had an older bridge.
for (const name of ['presences', 'inputs', 'jobs']) memory[name] ??= new Map();
safely(() => window.__drover.detach());
const REMEMBERED = 5000;
let [isLive, isAttached] = [true, false];
let lastMissing, lastStatus, pendingChange, waiting;
const releases = new Map();

/** Forgets the oldest: a page may live for weeks. */
function remember(collection, key, value) {
  collection instanceof Map ? collection.set(key, value) : collection.add(key);
  if (collection.size > REMEMBERED) collection.delete(collection.keys().next().value);
}

function notify(type, content = {}) {
  if (isLive) window.__droverNotice(JSON.stringify({ type, ...content }));
}

/** Listens to a part once it is there; a handler that throws must not break the app's own. */
function listen(name, events, handler) {
  const emitter = part(name);
  if (!emitter || releases.has(name + events)) return;
  const guarded = (...given) => isLive && safely(() => handler(...given));
  emitter.on(events, guarded);
  releases.set(name + events, () => emitter.off(events, guarded));
}

/** Hears what goes into a function of the app's, where it fires no event. */
function listenIn(name, method, handler) {
  const owner = part(name);
  if (typeof owner?.[method] !== 'function' || releases.has(name + method)) return;
  const original = owner[method];
  const heard = function (...given) {
    if (isLive) safely(() => handler(...given));
    return original.apply(this, given);
  };
  owner[method] = heard;
  releases.set(name + method, () => owner[method] === heard && (owner[method] = original));
}

function listenToAll() {
  listen('Socket', 'change:state change:stream change:hasSynced', stateChanged);
  listen('Stream', 'change:mode change:info', stateChanged);
  listen('Conn', 'change:ref change:pushname', stateChanged);
  listen('advEvents', 'change', stateChanged);
  listen('Cmd', 'offline_progress_update_from_bridge', stateChanged);
  listen('Cmd', 'starting_logout_from_bridge', () => notify('loggingOut'));
  listen('Msg', 'add', (message) => message.isNewMsg && tell(message));
  listen('Msg', 'change:type', onType);
  listen('Msg', 'change:body change:caption', onText);
  listen('Msg', 'change:ack', onAck);
  listen('Msg', 'change:isSendFailure', onSendFailure);
  listenIn('reactions', 'bulkUpsert', onReactions);
  listenIn('votes', 'bulkUpsert', (rows) => void onVotes(rows));
  listen('Call', 'add change:state', onCall);
  listen('Presence', 'change:chatstate.type change:isOnline', onPresence);
}
