// Media on their way out: a file becomes opaque data, is prepared (a PNG becomes a JPEG, a document stays as it is), and
// one media object a content keeps what is known of it, upload included, so that the same bytes are not uploaded twice.
import { define, importNamespace } from './runtime.js';
import { BaseModel } from './model.js';
import { sha256B64 } from './bytes.js';
import { OpaqueData } from './opaque.js';
import { outwardImage } from './images.js';
import { newMsgId, MsgKey } from './msgkey.js';

export const Stage = Object.freeze({
  INIT: 'INIT',
  PREPARING: 'PREPARING',
  FETCHING: 'FETCHING',
  RESOLVED: 'RESOLVED',
  ERROR_MISSING: 'ERROR_MISSING',
});

/** What is known of one message's media: type, size, hash, where it lies, how far it is. */
export class MediaData extends BaseModel {
  defaults() {
    return { mediaStage: Stage.INIT, type: undefined, isGif: false };
  }

  toJSON() {
    return { ...this.attributes };
  }
}

/** One for all messages with the same content. */
class MediaObject extends BaseModel {
  defaults() {
    return { contentInfo: {}, uploadStage: undefined, downloadStage: undefined, entries: [] };
  }

  consolidate(data) {
    const { type, size, mediaBlob, mimetype, waveform } = data;
    this.set({ type: this.type ?? type, size, mediaBlob, mimetype, contentInfo: { ...this.contentInfo, waveform } });
  }

  clearBlob() {
    this.set({ mediaBlob: undefined });
  }
}

const objects = new Map();

export function getOrCreateMediaObject(filehash) {
  if (!objects.has(filehash)) objects.set(filehash, new MediaObject({ filehash }));
  return objects.get(filehash);
}

function outwardType(mimetype, { asDocument, asSticker, isPtt }) {
  if (asDocument) return 'document';
  if (asSticker) return 'sticker';
  const kind = mimetype.split('/')[0];
  if (kind === 'audio') return isPtt ? 'ptt' : 'audio';
  return ['image', 'video'].includes(kind) ? kind : 'document';
}

async function prepare(data, options) {
  const given = data.forceToBlob();
  const type = outwardType(given.type, options);
  const image = type === 'image' ? await outwardImage(given, options.maxDimension) : { blob: given };
  const mediaBlob = image.blob === given ? data : await OpaqueData.createFromData(image.blob, image.blob.type);
  return {
    type,
    mediaBlob,
    mimetype: mediaBlob.type(),
    size: mediaBlob.size(),
    filehash: await sha256B64(image.blob),
    filename: type === 'document' ? given.name : undefined,
    isGif: Boolean(options.asGif),
    width: image.width,
    height: image.height,
    preview: image.preview,
    mediaStage: Stage.RESOLVED,
    ...options.precomputedFields,
  };
}

class MediaPrep {
  constructor(data, options) {
    this._mediaData = new MediaData({ mediaStage: Stage.PREPARING });
    this.prepared = prepare(data, options).then((fields) => this._mediaData.set(fields));
    this.prepared.catch(() => {});
  }

  get mediaData() {
    return this._mediaData;
  }

  async waitForPrep() {
    await this.prepared;
    return this._mediaData;
  }

  /** Uploads and sends; resolves to the result of the send. */
  async sendToChat({ chat, options = {} }) {
    const mediaData = await this.waitForPrep();
    const { productMsgOptions, quotedMsg, type: _type, ...rest } = options;
    const upload = await uploadPrepared(mediaData);
    const mine = importNamespace('WAWebLidMigrationUtils').getMeUserLidOrJidForChat(chat);
    const participant = chat.isGroup ? mine : undefined;
    const { mediaStage: _stage, mediaBlob: _blob, preview, ...fields } = mediaData.toJSON();
    const [shown, sent] = importNamespace('WAWebSendMsgChatAction').addAndSendMsgToChat(chat, {
      id: new MsgKey({ from: mine, to: chat.id, id: newMsgId(), participant, selfDir: 'out' }),
      from: mine,
      to: chat.id,
      t: Math.floor(Date.now() / 1000),
      ack: 0,
      local: true,
      self: 'out',
      isNewMsg: true,
      ...(quotedMsg ? quotedMsg.msgContextInfo(chat) : {}),
      ...rest,
      ...productMsgOptions,
      ...fields,
      body: preview,
      ...upload,
      caption: rest.caption ?? productMsgOptions?.caption,
    });
    await shown;
    return sent;
  }
}

async function uploadPrepared(mediaData) {
  const mediaObject = getOrCreateMediaObject(mediaData.filehash);
  mediaObject.consolidate(mediaData.toJSON());
  const uploaded = await importNamespace('WAWebMediaMmsV4Upload').uploadMedia({
    mimetype: mediaData.mimetype,
    mediaObject,
    mediaType: mediaData.type,
  });
  const { mmsUrl, deprecatedMms3Url, directPath, mediaKey, mediaKeyTimestamp, encFilehash, uploadHash } = uploaded.mediaEntry;
  return { clientUrl: mmsUrl, deprecatedMms3Url, directPath, mediaKey, mediaKeyTimestamp, encFilehash, uploadhash: uploadHash };
}

const prepRawMedia = (data, options = {}) => new MediaPrep(data, options);

/** By hash, as long as the page lives. */
const cache = new Map();

const InMemoryMediaBlobCache = {
  put: (filehash, blob) => cache.set(filehash, blob),
  get: (filehash) => cache.get(filehash),
  has: (filehash) => cache.has(filehash),
  clear: () => cache.clear(),
};

export const cachedBlob = (filehash) => cache.get(filehash);

const MEDIA_TYPES = Object.freeze({
  AUDIO: 'audio',
  DOCUMENT: 'document',
  GIF: 'gif',
  IMAGE: 'image',
  PTT: 'ptt',
  STICKER: 'sticker',
  VIDEO: 'video',
});

define('WAWebPrepRawMedia', () => ({ prepRawMedia }));

// wa-js 4.6.0 looks for one module with these three; older revisions had them together.
define('WAWebMediaPrep', () => ({
  MediaPrep,
  prepRawMedia,
  uploadProductImage: async (data) => {
    const mediaData = await prepRawMedia(data).waitForPrep();
    const { directPath } = await uploadPrepared(mediaData);
    return new URL(directPath, 'https://mmg.whatsapp.net').toString();
  },
}));

/** Bytes; documents may be as large as two gigabytes. */
const UPLOAD_LIMIT = { image: 16 << 20, video: 16 << 20, audio: 16 << 20, sticker: 1 << 20, document: 2 ** 31 };

define('WAWebMediaGatingUtils', () => ({ getUploadLimit: (type) => UPLOAD_LIMIT[type] ?? UPLOAD_LIMIT.document }));
define('WAWebMediaStorage', () => ({ getOrCreateMediaObject }));
define('WAWebMediaInMemoryBlobCache', () => ({ InMemoryMediaBlobCache }));
define('WAWebMediaDataUtils', () => ({ shouldUseMediaCache: (type) => type !== 'document' }));
define('WAWebMmsMediaTypes', () => ({
  MEDIA_TYPES,
  msgToMediaType: ({ type, isGif }) => (isGif ? MEDIA_TYPES.GIF : type),
  castToV4: (type) => type,
}));
define('WAMediaCalculateFilehash', () => ({ calculateFilehash: sha256B64 }));
