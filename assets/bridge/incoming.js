// Messages that appear, what becomes of ours, and what is done to any.

const isOwn = (key) => key.startsWith('true_') && memory.own.has(idOf(key));
/** Once in the life of a page, whatever fires it again. */
function tellOnce(mark, type, content) {
  if (memory.told.has(mark)) return;
  remember(memory.told, mark);
  notify(type, content);
}

function tell(message) {
  const key = String(message.id);
  if (!isOwn(key) && isSomebodys(message)) tellOnce(key, 'message', read(message));
}

/** The highest counts: an edit makes it dip. */
function onAck(message) {
  const key = String(message.id);
  if (!message.id.fromMe) return;
  if (message.ack < 0) notify('sendFailure', { key });
  if (!(message.ack > (memory.acks.get(key) ?? 0))) return;
  remember(memory.acks, key, message.ack);
  notify('ack', { key, ack: message.ack });
}

function onSendFailure(message) {
  const key = String(message.id);
  if (!message.id.fromMe || message.isSendFailure !== true || message.ack > 0) return;
  if (memory.runs.has(key)) memory.runs.get(key).failedAt = Date.now();
  notify('sendFailure', { key });
}

/** A new text. A ciphertext that resolves and a revoke change it, too. */
function onText(message, now, before) {
  const key = message.latestEditMsgKey && String(message.latestEditMsgKey);
  if (!key || !before || !now || isOwn(key) || !isSomebodys(message)) return;
  tellOnce(`edited ${key} ${now}`, 'edited', { key, message: read(message) });
}

/** A ciphertext becomes a message when it can be read; a message becomes the remains of one. */
function onType(message, type, before) {
  if (before === 'ciphertext') return tell(message);
  if (type !== 'revoked') return undefined;
  const key = String(message.protocolMessageKey ?? message.id);
  const by = message.revokeSender && String(message.revokeSender);
  return tellOnce(`revoked ${key}`, 'revoked', { key, by, message: { ...read(message), kind: 'revoked', body: '' } });
}

/** Rows on their way into the table of reactions. */
function onReactions(rows) {
  for (const { id, reactionParentKey, reactionText, reactionTimestamp, author, from } of rows) {
    const key = String(id);
    if (isOwn(key)) continue;
    const timestamp = seconds(reactionTimestamp);
    tellOnce(key, 'reaction', { key, target: String(reactionParentKey), text: reactionText ?? '', from: String(author ?? from), timestamp });
  }
}

/** A vote names the options by number; their texts stand in the poll. */
async function onVotes(rows) {
  for (const { id, pollUpdateParentKey, selectedOptionLocalIds, senderTimestampMs, t, author, from } of rows) {
    const key = String(id);
    if (isOwn(key) || memory.told.has(key)) continue;
    remember(memory.told, key);
    const poll = await find(String(pollUpdateParentKey)).catch(() => undefined);
    const chosen = [...(selectedOptionLocalIds ?? [])];
    const options = (poll?.pollOptions ?? []).filter(({ localId }) => chosen.includes(localId)).map(({ name }) => String(name));
    const timestamp = seconds(senderTimestampMs ?? t);
    notify('pollVote', { key, poll: String(pollUpdateParentKey), from: String(author ?? from), options, timestamp });
  }
}

const TAKEN = new Set(['ACTIVE', 'CONNECTING', 'HANDLED_REMOTELY', 'REMOTE_CALL_IN_PROGRESS']);
const OVER = new Set(['ENDED', 'REJECTED', 'NOT_ANSWERED', 'FAILED', 'REJECTED_ELSEWHERE']);

/** A call rings, and then is taken, here or elsewhere, or is not. */
function onCall(call) {
  if (call.outgoing) return;
  const state = safely(() => call.getState(), call.state);
  const was = TAKEN.has(state) ? 'accepted' : OVER.has(state) ? 'rejected' : 'received';
  const id = String(call.id);
  if (was === 'rejected' && memory.told.has(`accepted ${id}`)) return;
  const { isVideo, isGroup, offerTime } = call;
  const about = { id, from: String(call.peerJid), isVideo: isVideo === true, isGroup: isGroup === true, timestamp: seconds(offerTime) };
  tellOnce(`${was} ${id}`, 'call', { ...about, state: was });
}

/** What somebody does in a chat that was subscribed to. */
function onPresence(given) {
  const presence = given.chatstate ? given : safely(() => parts.Presence.get(given.id));
  const chat = presence && String(presence.id);
  if (!chat || !memory.presences.has(chat)) return;
  notify('presence', presenceOf(presence));
}

function presenceOf(presence) {
  const { type, t, id } = presence.chatstate ?? {};
  const state = type && type !== 'unavailable' ? type : presence.isOnline ? 'available' : 'unavailable';
  const participant = String(id ?? presence.id);
  const lastSeen = state === 'unavailable' && t ? seconds(t) : undefined;
  return { chat: memory.presences.get(String(presence.id)), participant, state, lastSeen };
}

/** Somebody's presence is told from now on, for as long as this page lives. */
async function watchPresence({ chat }) {
  const { Presence } = need('watch_presence');
  const { id } = (await resolve(chat)).chat;
  const presence = Presence.gadd(id);
  remember(memory.presences, String(id), chat);
  await presence.subscribe();
  onPresence(presence);
  return presenceOf(presence);
}

/** One page of what came since a time, oldest first, from memory and message table. */
async function missed({ since, limit }) {
  const { Chat, loadMessages } = need('catch_up');
  const found = [];
  for (const chat of Chat.getModelsArray()) {
    if (!(chat.t >= since)) continue;
    const all = await loadBack(chat, loadMessages, since);
    const messages = all.filter((message) => message.t >= since && isSomebodys(message));
    found.push(...messages.filter((message) => !isOwn(String(message.id))));
  }
  return found.sort((one, other) => one.t - other.t).slice(0, limit).map(read);
}

/**
 * Loads a chat's messages until one is older, and gives them in the order in which they came: times are whole seconds and tell nothing
 * within one, but each page that is loaded is older than what was there, whatever place its messages get in the collection.
 */
async function loadBack(chat, loadMessages, since) {
  const known = new Set();
  const unknown = (messages) =>
    messages.filter(({ id }) => !known.has(String(id)) && known.add(String(id)));
  let all = unknown(chat.msgs.getModelsArray());
  for (let page = 0; page < PAGES_OF_MESSAGES && !all.some((message) => message.t < since); page += 1) {
    const more = await Promise.resolve(loadMessages({ chat })).catch(() => loadMessages(chat));
    if (!more?.length) break;
    all = [...unknown(more), ...all];
  }
  // What arrived meanwhile.
  return [...all, ...unknown(chat.msgs.getModelsArray())];
}
