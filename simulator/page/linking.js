// Linking this page to a phone: refs that a phone scans, or a code that a person types.
//
//   refs:  the first is valid for firstMs, each of the next for nextMs; after the last the state is UNPAIRED_IDLE, and
//          the last ref is left behind in Conn, stale; a refresh asks for new ones.
//   code:  initialise, start with the digits; initialise again before every code. While a code is active there is no
//          ADV secret, so a QR cannot be computed.
import { define } from './runtime.js';
import { socket } from './socket.js';
import { adv, login } from './login.js';
import { clearStorage } from './storage.js';
import { BackendEventBus, Conn, Socket, Stream, SOCKET_STATE, StreamMode } from './state.js';
import { EventEmitter } from './events.js';

const PairingType = { QR: 'QR_CODE', CODE: 'ALT_DEVICE_LINKING' };
let pairingType = PairingType.QR;
let codeReady = false;
let timer;

function showRefs({ refs, firstMs, nextMs }) {
  clearTimeout(timer);
  if (login.isRegistered()) return;
  if (!refs.length) {
    Socket.set({ state: SOCKET_STATE.UNPAIRED_IDLE });
    return;
  }
  const [ref, ...rest] = refs;
  Conn.set({ ref, refTTL: firstMs });
  Socket.set({ state: SOCKET_STATE.UNPAIRED });
  timer = setTimeout(() => showRefs({ refs: rest, firstMs: nextMs, nextMs }), firstMs);
}

socket.on('refs', showRefs);
socket.watch('closed', () => clearTimeout(timer));

async function refreshQR() {
  socket.send({ t: 'refresh' });
}

BackendEventBus.onRefreshQR(refreshQR);

// A phone that read another secret than ours did not see this screen; its ref is spent, so new ones are needed.
socket.on('paired', async ({ token, me, adv: secret }) => {
  if (secret !== undefined && (pairingType !== PairingType.QR || secret !== adv.get())) {
    socket.send({ t: 'unsigned', reason: 'the secret is not ours' });
    socket.restart();
    return;
  }
  clearTimeout(timer);
  await clearStorage();
  login.begin(token, me);
  socket.send({ t: 'signed' });
  Stream.set({ mode: StreamMode.SYNCING });
  socket.restart();
});

function setPairingType(type) {
  pairingType = type;
}

async function initializeAltDeviceLinking() {
  adv.clear();
  codeReady = true;
  setPairingType(PairingType.CODE);
}

async function initializeQRLinking() {
  pairingType = PairingType.QR;
  codeReady = false;
  adv.renew();
}

/** Eight characters to type on the phone. */
async function startAltLinkingFlow(phone) {
  if (pairingType !== PairingType.CODE || !codeReady)
    throw new Error('startAltLinkingFlow: alt device linking is not initialized');
  if (!/^\d{5,15}$/.test(phone)) throw new Error('startAltLinkingFlow: the phone number must be digits');
  codeReady = false;
  return socket.ask('pairing_code', { phone });
}

define('WAWebLaunchSocketUtils', () => ({ refreshQR }));

define('WAWebAltDeviceLinkingApi', () => ({
  setPairingType,
  getPairingType: () => pairingType,
  getCurrentRef: () => Conn.ref,
  initializeAltDeviceLinking,
  initializeQRLinking,
  startAltLinkingFlow,
}));

define('WAWebLinkDeviceAction', () => ({
  async genLinkDeviceCodeForPhoneNumber(phone) {
    await initializeAltDeviceLinking();
    return startAltLinkingFlow(phone);
  },
}));

define('WAWebLinkDeviceEvents', () => ({ WAWebLinkDeviceEvents: new EventEmitter() }));
