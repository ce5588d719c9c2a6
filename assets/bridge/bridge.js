// drover's bridge into WhatsApp Web: what drover may touch there, by name, and nothing else. It runs in the page's
// own world before the page's scripts, waits until the app is there, attaches, and then speaks through the binding
// `__droverNotice` and answers `__drover.call(name, argument)`. The other half is src/page/wire.rs.
//
// - Every thing has candidates in order. What does not resolve takes away the capabilities that need it, and only those.
// - State is read when attaching as well as on events, and values are believed rather than events.
// - Ids go through String(): a key's `_serialized` comes and goes with WhatsApp's releases.
// - A newer bridge evaluated in the same page replaces this one: `detach()` lets go, and the memory stays in the window.
(() => {
  'use strict';
  const VERSION = '1';
  if (window.top !== window || location.hostname !== 'web.whatsapp.com') return;

  /** Candidates `Module.export`, best first; a bare module is its default export, or itself. */
  const PARTS = {
    Socket: ['WAWebSocketModel.Socket'], Stream: ['WAWebStreamModel.Stream'], Conn: ['WAWebConnModel.Conn'], Cmd: ['WAWebCmd.Cmd'],
    isRegistered: ['WAWebUserPrefsMultiDevice.isRegistered', 'WAWebUserPrefsIsLoggedIn.isLoggedIn'],
    mePn: ['WAWebUserPrefsMeUser.getMaybeMePnUser'], meLid: ['WAWebUserPrefsMeUser.getMaybeMeLidUser'],
    offline: ['WAWebOfflineHandler.OfflineMessageHandler'],
    noiseInfo: ['WAWebUserPrefsInfoStore.waNoiseInfo'], signalStore: ['WAWebSignalStoreApi.waSignalStore'],
    advSecret: ['WAWebAdvSignatureApi.getADVSecretKey', 'WAWebUserPrefsMultiDevice.getADVSecretKey'],
    advEvents: ['WAWebUserPrefsMultiDevice.advSecretEventEmitter'],
    platform: ['WAWebCompanionRegClientUtils.DEVICE_PLATFORM'], encodeB64: ['WABase64.encodeB64'],
    refreshQR: ['WAWebLaunchSocketUtils.refreshQR', 'WAWebBackendEventBus.BackendEventBus'],
    linking: ['WAWebAltDeviceLinkingApi'],
    Msg: ['WAWebCollections.Msg', 'WAWebMsgCollection.MsgCollection'],
    Chat: ['WAWebCollections.Chat', 'WAWebChatCollection.ChatCollection'],
    MsgKey: ['WAWebMsgKey'], keyType: ['WAWebMsgKeyUtils.TranslateMsgKeyType'],
    createWid: ['WAWebWidFactory.createWid'], findChat: ['WAWebFindChatAction.findOrCreateLatestChat'],
    meForChat: ['WAWebLidMigrationUtils.getMeUserLidOrJidForChat'],
    toPn: ['WAWebLidMigrationUtils.toPn', 'WAWebApiContact.getPhoneNumber'],
    toLid: ['WAWebLidMigrationUtils.toLid', 'WAWebApiContact.getCurrentLid'],
    rowsByKey: ['WAWebDBMsgUtils.getMsgsByMsgKey'], loadMessages: ['WAWebChatLoadMessages.loadEarlierMsgs'],
    addAndSend: ['WAWebSendMsgChatAction.addAndSendMsgToChat'],
    ephemeral: ['WAWebGetEphemeralFieldsMsgActionsUtils.getEphemeralFields'],
    resendFailed: ['WAWebResendMsgAction.resendMsg'], resendPending: ['WAWebSendMsgChatAction.resendMsgToChat'],
    exists: ['WAWebQueryExistsJob.queryWidExists'],
  };

  /** What drover can do, and the parts without which it cannot. Parts that no capability names are used where they are. */
  const CAPABILITIES = {
    status: ['Socket', 'Stream', 'isRegistered'], presence: ['Stream'], account: ['mePn'], logout_notice: ['Cmd'], log_out: ['Socket'],
    qr: ['Conn', 'noiseInfo', 'signalStore', 'advSecret', 'platform', 'encodeB64'],
    refresh_qr: ['refreshQR'], pairing_code: ['linking'], messages: ['Msg'], check_number: ['createWid', 'exists'],
    prepare: ['createWid', 'findChat', 'meForChat', 'MsgKey'],
    look_up: ['rowsByKey', 'mePn', 'createWid'],
    send: ['createWid', 'findChat', 'meForChat', 'MsgKey', 'rowsByKey', 'mePn', 'Msg', 'addAndSend'],
    resend: ['createWid', 'findChat', 'Msg', 'resendFailed', 'resendPending'],
  };

  const resolved = {};
  /** One candidate; a `require` that unwraps `default` is as good as one that does not. */
  function exported(candidate) {
    const [module, name] = candidate.split('.');
    const found = safely(() => window.require(module));
    return name ? found?.[name] ?? found?.default?.[name] : found?.default ?? found;
  }

  const part = (name) => (resolved[name] ??= PARTS[name].reduce((found, candidate) => found ?? exported(candidate), undefined));
  const parts = new Proxy({}, { get: (_, name) => part(name) });
  const has = (capability) => CAPABILITIES[capability].every((name) => part(name) !== undefined);
  const missing = () => Object.keys(CAPABILITIES).filter((capability) => !has(capability));
  const probe = () => ({ bridge: VERSION, webVersion: window.Debug?.VERSION, missing: missing() });
  const refusal = (kind, message) => Object.assign(new Error(message), { kind });

  function need(capability) {
    if (!has(capability)) throw refusal('missing_capability', capability);
    return parts;
  }

  function safely(read, otherwise) {
    try {
      return read() ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  // ---- memory and notices ----
  // Kept beside the bridge, so that the next one has it however this one ended.
  const memory = (window.__droverMemory ??= {
    acks: new Map(), // the highest ack told, by key
    told: new Set(), // keys of messages told
    own: new Set(), // bare ids that drover sent in this page
    runs: new Map(), // sends under way, by key
    ref: { value: undefined, since: 0, before: -1 }, // the ref on show, since when, and how many came before it in its round
    qr: undefined, // the code told last
  });
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

  function listenToAll() {
    listen('Socket', 'change:state change:stream change:hasSynced', stateChanged);
    listen('Stream', 'change:mode change:info', stateChanged);
    listen('Conn', 'change:ref change:pushname', stateChanged);
    listen('advEvents', 'change', stateChanged);
    listen('Cmd', 'offline_progress_update_from_bridge', stateChanged);
    listen('Cmd', 'starting_logout_from_bridge', () => notify('loggingOut'));
    listen('Msg', 'add', (message) => message.isNewMsg && tell(message));
    // A ciphertext becomes a message when it can be read.
    listen('Msg', 'change:type', (message, _type, before) => before === 'ciphertext' && tell(message));
    listen('Msg', 'change:ack', onAck);
    listen('Msg', 'change:isSendFailure', onSendFailure);
  }

  // ---- state ----
  const DEBOUNCE_MS = 50;
  const isRegistered = () => safely(() => parts.isRegistered() === true, false);
  const isConnected = () => safely(() => parts.Socket.stream === 'CONNECTED', false);
  const socketState = () => safely(() => parts.Socket.state);

  const mine = () => [safely(() => parts.mePn()), safely(() => parts.meLid())];
  function account() {
    const [pn, lid] = mine();
    return pn && { id: String(pn), lid: lid && String(lid), pushName: safely(() => parts.Conn.pushname) };
  }

  /** Whole per cent; the app throws before a login, and has 99 for the end. */
  function progress() {
    const percent = safely(() => Math.round(parts.offline.getOfflineDeliveryProgress()));
    return percent >= 0 ? Math.min(99, percent) : undefined;
  }

  function snapshot() {
    const { Socket, Stream } = need('status');
    return {
      state: Socket.state ?? undefined,
      mode: Stream.mode ?? undefined,
      streamConnected: isConnected(),
      hasSynced: Socket.hasSynced === true,
      registered: isRegistered(),
      me: account(),
      progress: progress(),
      webVersion: window.Debug?.VERSION,
    };
  }

  /** One transition fires several events in a tick: told once, when it is over. */
  function stateChanged() {
    noteRef();
    pendingChange ??= setTimeout(() => {
      pendingChange = undefined;
      safely(tellStatus);
      void tellQr();
    }, DEBOUNCE_MS);
  }

  function tellStatus() {
    const now = snapshot();
    // Some modules come only with the chats.
    if (now.mode === 'MAIN' && lastMissing.length) tellProbe();
    if (JSON.stringify(now) === lastStatus) return;
    lastStatus = JSON.stringify(now);
    notify('status', now);
  }

  function tellProbe() {
    const now = probe();
    if (now.missing.length === lastMissing?.length) return;
    lastMissing = now.missing;
    listenToAll();
    notify('attached', now);
  }

  // ---- QR and pairing code ----
  const [FIRST_REF_MS, NEXT_REF_MS] = [60_000, 20_000];
  const BY_CODE = 'ALT_DEVICE_LINKING';
  const linksByCode = () => safely(() => parts.linking.getPairingType() === BY_CODE, false);
  /** A round of refs begins anew after the app ran out of them; the last one stays behind, stale. */
  function noteRef() {
    const ref = safely(() => parts.Conn.ref);
    if (socketState() === 'UNPAIRED_IDLE') memory.ref.before = -1;
    else if (ref && ref !== memory.ref.value) memory.ref = { value: ref, since: Date.now(), before: memory.ref.before + 1 };
  }

  /** WhatsApp tells a ref's life in milliseconds. Were it seconds one day, it would be a number like 20 or 60. */
  function refLeftMs() {
    const told = safely(() => parts.Conn.refTTL, 0);
    const usual = memory.ref.before > 0 ? NEXT_REF_MS : FIRST_REF_MS;
    return Math.max(0, Math.round(memory.ref.since + (told >= 200 ? told : told * 1000 || usual) - Date.now()));
  }

  /** The five parts as the app joins them; what it renders, where one cannot be read. */
  async function qrValue() {
    if (!has('qr')) return document.querySelector('[data-ref]')?.getAttribute('data-ref');
    const { Conn, noiseInfo, signalStore, advSecret, platform, encodeB64 } = parts;
    const [noise, registration, secret] = await Promise.all([noiseInfo.get(), signalStore.getRegistrationInfo(), advSecret()]);
    const keys = [noise.staticKeyPair.pubKey, registration.identityKeyPair.pubKey].map((key) => encodeB64(key));
    return Conn.ref && secret && [Conn.ref, ...keys, secret, platform].join(',');
  }

  async function tellQr() {
    if (socketState() !== 'UNPAIRED' || isRegistered() || linksByCode()) return;
    // Without a secret, as while a code is active, the computation throws: then there is no QR.
    const value = await qrValue().catch(() => undefined);
    const ttlMs = refLeftMs();
    if (!value || value === memory.qr || ttlMs === 0) return;
    memory.qr = value;
    notify('qr', { value, ttlMs });
  }

  async function refreshQr() {
    const { refreshQR, linking } = need('refresh_qr');
    if (linksByCode()) await linking.initializeQRLinking();
    if (socketState() === 'UNPAIRED_IDLE') await (refreshQR.triggerRefreshQR ? refreshQR.triggerRefreshQR() : refreshQR());
    stateChanged();
  }

  async function pairingCode({ phone }) {
    const { linking } = need('pairing_code');
    if (isRegistered()) throw refusal('refused', 'the page is linked already');
    try {
      linking.setPairingType(BY_CODE);
      await linking.initializeAltDeviceLinking();
      return String(await linking.startAltLinkingFlow(phone, true));
    } catch (error) {
      // Back to a page that can be scanned.
      await linking.initializeQRLinking().catch(() => undefined);
      stateChanged();
      throw error;
    }
  }

  // ---- messages that appear ----
  /** What the app writes into a chat by itself, or cannot read yet. */
  const NOBODYS = new Set(['ciphertext', 'revoked', 'e2e_notification', 'notification', 'notification_template', 'gp2',
    'broadcast_notification', 'protocol', 'call_log', 'debug', 'pinned_message', 'newsletter_notification']);
  const BODY_IS_TEXT = new Set(['chat', 'vcard', 'multi_vcard', 'list_response', 'buttons_response']);

  function tell(message) {
    const key = String(message.id);
    const { id, fromMe, remote } = message.id;
    const isOurs = fromMe && memory.own.has(id);
    if (isOurs || NOBODYS.has(message.type) || memory.told.has(key) || String(remote) === 'status@broadcast') return;
    remember(memory.told, key);
    notify('message', {
      key,
      from: String(message.from ?? remote),
      to: String(message.to ?? remote),
      author: message.author ? String(message.author) : undefined,
      kind: String(message.type),
      body: String((BODY_IS_TEXT.has(message.type) ? message.body : message.caption) ?? ''),
      timestamp: Math.floor(message.t ?? Date.now() / 1000),
      ack: message.ack ?? 0,
      notifyName: message.notifyName,
    });
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

  // ---- keys and look-ups ----
  const [idOf, remoteOf] = [(key) => key.split('_')[2], (key) => key.split('_')[1]];
  /** The chat in the form that WhatsApp has it now, ourselves in that chat's form, and the key of an id in it. */
  async function resolve(chatId) {
    const { createWid, findChat, meForChat, MsgKey, keyType } = need('prepare');
    const { chat } = await findChat(createWid(chatId));
    const me = meForChat(chat, keyType?.Message);
    const participant = String(chat.id).endsWith('@g.us') ? me : undefined;
    return { chat, me, key: (id) => new MsgKey({ from: me, to: chat.id, id, participant, selfDir: 'out' }) };
  }

  async function chatOfNumber(chatId) {
    const found = await need('check_number').exists(parts.createWid(chatId));
    return found?.wid ? String(found.wid) : null;
  }

  /** A chat with messages proves that somebody is there: WhatsApp need not be asked again. */
  function hasWritten(chatId) {
    const wid = safely(() => parts.createWid(chatId));
    const messages = (form) => safely(() => parts.Chat.get(form).msgs.length, 0);
    return messages(wid) > 0 || messages(safely(() => parts.toLid(wid))) > 0;
  }

  /** Looking for a chat makes one for anybody: a number is asked for first. */
  async function prepare({ chat, id, knownAs }) {
    const { createWid, MsgKey, mePn } = need('prepare');
    const mustAsk = !knownAs && chat.endsWith('@c.us') && has('check_number') && !hasWritten(chat);
    // WhatsApp may know the number in another spelling than the one asked for (Brazil's ninth digit).
    const there = mustAsk ? await chatOfNumber(chat) : knownAs ?? chat;
    const checked = mustAsk ? { chat: there } : null;
    if (there) return { key: String((await resolve(there)).key(id)), onWhatsapp: true, checked };
    return { key: String(new MsgKey({ from: mePn(), to: createWid(chat), id, selfDir: 'out' })), onWhatsapp: false, checked };
  }

  /** A message's key by number and by LID; in a group with ourselves in either form. */
  function forms(key) {
    const [fromMe, remote, id, tail] = key.split('_');
    const own = mine().filter(Boolean).map(String);
    if (remote.endsWith('@g.us')) return [tail, ...own].map((who) => [fromMe, remote, id, who].join('_'));
    const wid = safely(() => parts.createWid(remote));
    const remotes = [safely(() => parts.toPn(wid)), safely(() => parts.toLid(wid))].filter(Boolean).map(String);
    return remotes.map((form) => [fromMe, form, id, ...(own.includes(form) ? ['out'] : [])].join('_'));
  }

  const describe = (message) => ({
    key: String(message.id),
    ack: Math.max(Number(message.ack ?? 0), memory.acks.get(String(message.id)) ?? 0),
    isSendFailure: message.isSendFailure === true,
  });

  /** From the app's memory, which knows of an ack first, and its message table. Null when neither has the message. */
  async function lookUp({ keys }) {
    const { rowsByKey } = need('look_up');
    if (!mine()[0]) throw refusal('refused', 'the page is not linked: keys need the own number');
    const wanted = [...new Set([...keys, ...keys.flatMap(forms)])];
    const shown = wanted.map((key) => safely(() => parts.Msg.get(key))).filter(Boolean).map(describe);
    const stored = (await rowsByKey(wanted)).filter(Boolean).map(describe);
    return [...shown, ...stored].reduce((best, found) => (best && best.ack >= found.ack ? best : found), null);
  }

  // ---- sending ----
  const [LOOK_EVERY_MS, FAILURE_SETTLES_MS, PAGES_OF_MESSAGES] = [50, 1000, 20];
  const CONTENT = { text: ({ body }) => ({ type: 'chat', body }) };
  const answer = (outcome, code, message) => ({ outcome, code, message });
  const late = () => answer('failed', 'too_late', 'the page was too slow to begin sending');
  const isKnown = () => answer('unknown', 'known_already', 'the page knows this message already, without an ack');
  const known = (found) => (found.ack >= 1 ? { outcome: 'sent', ack: found.ack } : isKnown());

  /** Notes what becomes of one send. The app's own word for it is no proof; the ack is. */
  function begin(key) {
    const run = { isSettled: false, result: undefined, failedAt: undefined, answer: undefined };
    remember(memory.runs, key, run);
    remember(memory.own, idOf(key));
    const settle = (result) => Object.assign(run, { isSettled: true, result: String(result?.messageSendResult) });
    run.follow = (promise) => Promise.resolve(promise).then(settle, () => settle());
    return run;
  }

  function verdict(key) {
    const message = safely(() => parts.Msg.get(key));
    const ack = Math.max(message?.ack ?? 0, memory.acks.get(key) ?? 0);
    const run = memory.runs.get(key) ?? { isSettled: true };
    if (ack >= 1) return { outcome: 'sent', ack };
    if (run.answer) return run.answer;
    const hasFailed = run.failedAt !== undefined || (run.isSettled && message?.isSendFailure === true);
    // The app's word tells a refusal from a lost connection, and comes just after.
    const isSettling = !run.isSettled && Date.now() < run.failedAt + FAILURE_SETTLES_MS;
    if (!(message?.ack < 0) && (!hasFailed || isSettling)) return undefined;
    if (run.result === 'ERROR_NETWORK' || !isConnected()) {
      return answer('unknown', 'interrupted', 'the connection to WhatsApp was lost while sending');
    }
    return answer('rejected', 'refused', "WhatsApp's server refused the message");
  }

  /** Waits for the fate of a message, at most `waitMs`. */
  async function outcome({ key, waitMs }) {
    const end = Date.now() + waitMs;
    while (!verdict(key) && Date.now() < end) await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    return verdict(key) ?? { outcome: 'pending' };
  }

  function fields(target, key, content) {
    if (!CONTENT[content.kind]) throw refusal('missing_capability', `send ${content.kind}`);
    const route = { id: key, from: target.me, to: target.chat.id, self: 'out' };
    const state = { t: Math.floor(Date.now() / 1000), ack: 0, local: true, isNewMsg: true };
    return { ...safely(() => parts.ephemeral(target.chat), {}), ...route, ...state, ...CONTENT[content.kind](content) };
  }

  async function send({ key, content, waitMs, notAfterMs }) {
    const { addAndSend } = need('send');
    const target = await resolve(remoteOf(key));
    const built = target.key(idOf(key));
    const data = fields(target, built, content);
    if (String(built) !== key) return answer('failed', 'key_changed', `WhatsApp has the chat as ${target.chat.id} now, not ${key}`);
    const found = await lookUp({ keys: [key] });
    if (found) return known(found);
    // Nobody waits any more for a call that a hung page runs late: it must not send.
    if (Date.now() > notAfterMs) return late();
    if (memory.runs.get(key)?.isSettled === false) return isKnown();
    // From here on nothing waits before the app has it: two calls cannot both get past this point.
    const run = begin(key);
    const giveUp = async (error) => (run.answer = await notStored(key, error));
    try {
      const [stored, result] = addAndSend(target.chat, data);
      run.follow(result);
      Promise.resolve(stored).catch(giveUp);
    } catch (error) {
      run.isSettled = true;
      await giveUp(error);
    }
    return outcome({ key, waitMs });
  }

  /** The app threw instead of storing it; the message table has the last word. */
  async function notStored(key, error) {
    const found = await lookUp({ keys: [key] }).catch(() => ({ ack: 0 }));
    return found ? known(found) : answer('failed', 'not_stored', String(error?.message ?? error));
  }

  /** The model of a stored message; after a reload it comes with its chat. */
  async function load(key, chat) {
    const { Msg, loadMessages } = parts;
    for (let page = 0; !Msg.get(key) && loadMessages && page < PAGES_OF_MESSAGES; page += 1) {
      const more = await Promise.resolve(loadMessages({ chat })).catch(() => loadMessages(chat));
      if (!more?.length) break;
    }
    return Msg.get(key) ?? (await Msg.getMessagesById([key]))?.messages?.[0];
  }

  async function resend({ key, waitMs, notAfterMs }) {
    const { createWid, findChat, resendFailed, resendPending } = need('resend');
    const { chat } = await findChat(createWid(remoteOf(key)));
    const message = await load(key, chat);
    if (!message) return answer('failed', 'not_there', 'the page has no such message');
    if (message.ack >= 1) return known(message);
    if (Date.now() > notAfterMs) return late();
    const run = begin(key);
    run.follow(message.isSendFailure ? resendFailed(message) : resendPending(chat, Promise.resolve(message))[1]);
    return outcome({ key, waitMs });
  }

  // ---- answering and attaching ----
  const functions = {
    probe, snapshot, refreshQr, pairingCode, prepare, lookUp, send, resend, outcome,
    checkNumber: async ({ phone }) => ({ chat: await chatOfNumber(`${phone}@c.us`) }),
    setAvailable: ({ available }) => void need('presence').Stream[available ? 'markAvailable' : 'markUnavailable'](),
    logOut: () => void need('log_out').Socket.logout(),
  };

  async function call(name, argument) {
    if (!isAttached) return { ok: false, kind: 'not_loaded' };
    try {
      return { ok: true, value: (await functions[name](argument)) ?? null };
    } catch (error) {
      return { ok: false, kind: error?.kind ?? 'refused', message: String(error?.message ?? error) };
    }
  }

  function detach() {
    isLive = false;
    clearTimeout(pendingChange);
    clearTimeout(waiting);
    releases.forEach((release) => safely(release));
  }

  /** The app navigates to `?post_logout=1` after a logout; a reload of that page is no second logout. */
  function tellLogout() {
    const query = new URLSearchParams(location.search);
    const code = Number.parseInt(query.get('logout_reason'), 10);
    if (query.get('post_logout') !== '1' || performance.getEntriesByType('navigation')[0]?.type === 'reload') return;
    notify('loggedOut', { code: code >= 0 && code < 256 ? code : undefined });
  }

  function attach() {
    isAttached = true;
    tellProbe();
    noteRef();
    safely(tellStatus);
    void tellQr();
    // What came before we listened.
    safely(() => parts.Msg.forEach((message) => message.isNewMsg && tell(message)));
  }

  function attachWhenLoaded() {
    if (window.Debug?.VERSION && typeof window.require === 'function') attach();
    else waiting = setTimeout(attachWhenLoaded, LOOK_EVERY_MS);
  }

  if (!window.__drover) tellLogout();
  Object.defineProperty(window, '__drover', { value: { call, detach, version: VERSION }, configurable: true });
  attachWhenLoaded();
})();
