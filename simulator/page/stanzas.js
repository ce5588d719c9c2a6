// What the real app derives from a message's protobuf before it sends, and placeholders for messages that cannot be read
// yet. Clients wrap these functions; nothing here leaves the page.
import { define } from './runtime.js';

const MEDIA_OF_PROTO = {
  imageMessage: 'image',
  videoMessage: 'video',
  audioMessage: 'audio',
  documentMessage: 'document',
  stickerMessage: 'sticker',
  locationMessage: 'location',
  contactMessage: 'vcard',
  contactsArrayMessage: 'contact_array',
};

const mediaTypeFromProtobuf = (proto) => MEDIA_OF_PROTO[Object.keys(MEDIA_OF_PROTO).find((name) => proto?.[name])] ?? null;

function typeAttributeFromProtobuf(proto) {
  if (proto?.reactionMessage) return 'reaction';
  if (proto?.pollCreationMessage || proto?.pollUpdateMessage) return 'poll';
  return mediaTypeFromProtobuf(proto) ? 'media' : 'text';
}

define('WAWebBackendJobsCommon', () => ({ mediaTypeFromProtobuf, encodeMaybeMediaType: (type) => type ?? 'DROP_ATTR' }));
define('WAWebE2EProtoUtils', () => ({ typeAttributeFromProtobuf }));
define('WAWebSyncGatingUtils', () => ({ isHistorySyncOnDemandEnabled: () => true }));
define('WAWebNonMessageDataRequestPlaceholderMessageResendUtils', () => ({
  handlePlaceholderMsgsSeen: async () => {},
  inFlightPlaceholderResendRequests: new Map(),
}));
