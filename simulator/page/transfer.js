// Upload and download of media over the hosts of mmg.whatsapp.net (PROTOCOL.md). The bytes travel as they are; keys and
// hashes have the real shapes.
import { define, importNamespace } from './runtime.js';
import { encodeB64, randomBytes, sha256B64, urlSafe } from './bytes.js';
import { cachedBlob, MediaData, Stage } from './media.js';
import { Msg } from './messages.js';
import { socket } from './socket.js';

const MEDIA_HOST = 'https://mmg.whatsapp.net';
/** Seconds before its end at which an upload ticket counts as over. */
const TICKET_MARGIN_S = 10;

class HttpStatusCodeError extends Error {
  constructor(status, url) {
    super(`${status} for ${url}`);
    this.name = 'HttpStatusCodeError';
    this.status = status;
  }
}

let ticket;

async function uploadTicket() {
  if (!ticket || ticket.until < Date.now()) {
    const { hosts, auth, ttlS } = await socket.ask('upload');
    ticket = { host: hosts[0], auth, until: Date.now() + (ttlS - TICKET_MARGIN_S) * 1000 };
  }
  return ticket;
}

async function upload(blob, type, signal) {
  const filehash = await sha256B64(blob);
  const hash = urlSafe(filehash);
  const { host, auth } = await uploadTicket();
  const url = `https://${host}/mms/${type}/${hash}?auth=${encodeURIComponent(auth)}&token=${hash}`;
  const answer = await fetch(url, {
    method: 'POST',
    body: blob,
    headers: { 'content-type': 'application/octet-stream' },
    signal,
  });
  if (!answer.ok) throw new HttpStatusCodeError(answer.status, url);
  const { url: mmsUrl, direct_path: directPath, handle } = await answer.json();
  return {
    mmsUrl,
    deprecatedMms3Url: mmsUrl,
    directPath,
    handle,
    mediaKey: encodeB64(randomBytes(32)),
    mediaKeyTimestamp: Math.floor(Date.now() / 1000),
    encFilehash: filehash,
    uploadHash: filehash,
    sidecar: undefined,
    firstFrameSidecar: undefined,
  };
}

const UploadMediaResultKind = Object.freeze({ SUCCESS: 'success', ERROR: 'error' });

/** What was uploaded before, in this page's life, is not uploaded again. */
async function uploadMedia({ mediaObject, mediaType, signal }) {
  let [mediaEntry] = mediaObject.entries;
  if (!mediaEntry) {
    const blob = mediaObject.mediaBlob?.forceToBlob() ?? cachedBlob(mediaObject.filehash);
    mediaEntry = await upload(blob, mediaType, signal);
    mediaObject.set({ entries: [mediaEntry], uploadStage: Stage.RESOLVED });
  }
  return { kind: UploadMediaResultKind.SUCCESS, mediaEntry };
}

async function encryptAndUpload({ blob, type, signal, mediaKey }) {
  const { mmsUrl, ...entry } = await upload(blob, type, signal);
  return { ...entry, url: mmsUrl, ...(mediaKey ? { mediaKey } : {}) };
}

const downloadManager = {
  /** The bytes of a message's media, whose hash must be the one the message names. */
  async downloadAndMaybeDecrypt({ directPath, filehash, signal }) {
    const url = `${MEDIA_HOST}${directPath}`;
    const answer = await fetch(url, { signal });
    if (!answer.ok) throw new HttpStatusCodeError(answer.status, url);
    const bytes = await answer.arrayBuffer();
    if (filehash && (await sha256B64(bytes)) !== filehash) throw new Error('media hash mismatch');
    return bytes;
  },
};

/** A message's media, as far as they are here. */
function mediaDataOf(message) {
  if (!message.isMedia) return undefined;
  const { type, mimetype, size, filehash, filename } = message.attributes;
  const mediaStage = message.id.fromMe ? Stage.RESOLVED : Stage.INIT;
  return new MediaData({ type, mimetype, size, filehash, filename, mediaStage });
}

const mediaOf = new WeakMap();

Object.defineProperties(Msg.prototype, {
  mediaData: {
    configurable: true,
    get() {
      if (!mediaOf.has(this)) mediaOf.set(this, mediaDataOf(this));
      return mediaOf.get(this);
    },
  },
  mediaObject: {
    configurable: true,
    get() {
      return this.isMedia ? importNamespace('WAWebMediaStorage').getOrCreateMediaObject(this.attributes.filehash) : undefined;
    },
  },
});

Msg.prototype.downloadMedia = async function downloadMedia() {
  const { directPath, filehash, mediaData } = this;
  mediaData.set({ mediaStage: Stage.FETCHING });
  try {
    await importNamespace('WAWebDownloadManager').downloadManager.downloadAndMaybeDecrypt({ directPath, filehash });
    mediaData.set({ mediaStage: Stage.RESOLVED });
  } catch {
    mediaData.set({ mediaStage: Stage.ERROR_MISSING });
  }
};

define('WAWebMediaMmsV4Upload', () => ({ uploadMedia, UploadMediaResultKind }));
define('WAWebUploadManager', () => ({ default: { encryptAndUpload } }));
define('WAWebDownloadManager', () => ({ downloadManager }));
define('WAWebStartMediaUploadQpl', () => ({ startMediaUploadQpl: () => ({ addPoint() {}, addAnnotations() {}, end() {} }) }));
