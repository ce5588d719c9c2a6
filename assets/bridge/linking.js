// QR and pairing code.

const [FIRST_REF_MS, NEXT_REF_MS] = [60_000, 20_000];
const BY_CODE = 'ALT_DEVICE_LINKING';
const linksByCode = () => safely(() => parts.pairingType() === BY_CODE, false);
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
  const { refreshQR, backToQr } = need('refresh_qr');
  if (linksByCode()) await backToQr();
  if (socketState() === 'UNPAIRED_IDLE') await (refreshQR.triggerRefreshQR ? refreshQR.triggerRefreshQR() : refreshQR());
  stateChanged();
}

/** What the phone lists under Linked devices is asked for when the page connects to be linked: the name must be there first. */
function nameDevice() {
  const wanted = window.__droverDevice;
  const utils = wanted && parts.browserInfo;
  if (!utils?.info || memory.browserInfo) return;
  memory.browserInfo = utils.info.bind(utils);
  utils.info = () => {
    const own = memory.browserInfo();
    return { ...own, os: wanted.os ?? own.os, name: wanted.name ?? own.name };
  };
}

async function pairingCode({ phone }) {
  const { setPairingType, prepareCode, askForCode, backToQr } = need('pairing_code');
  if (isRegistered()) throw refusal('refused', 'the page is linked already');
  try {
    setPairingType(BY_CODE);
    await prepareCode();
    return String(await askForCode(phone, true));
  } catch (error) {
    // Back to a page that can be scanned.
    await backToQr().catch(() => undefined);
    stateChanged();
    throw error;
  }
}
