// Answering and attaching. The last part: from here on things happen.

const functions = {
  probe, snapshot, refreshQr, pairingCode, prepare, lookUp, send, resend, outcome, showChatState, watchPresence, missed,
  contact, about, picture, chats, chatMessages, message, upload, uploadEnd, download, downloadEnd, downloadPart, downloadOver,
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

/** A name has to be there before the app's first connection. */
const NAME_EVERY_MS = 5;

function attachWhenLoaded() {
  nameDevice();
  if (window.Debug?.VERSION && typeof window.require === 'function') attach();
  else waiting = setTimeout(attachWhenLoaded, window.__droverDevice ? NAME_EVERY_MS : LOOK_EVERY_MS);
}

if (!window.__drover) tellLogout();
Object.defineProperty(window, '__drover', { value: { call, detach, fileInput, version: VERSION }, configurable: true });
attachWhenLoaded();
