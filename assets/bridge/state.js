// Where the page stands: read, debounced, told.

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
