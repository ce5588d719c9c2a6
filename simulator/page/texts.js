// Small things around a message's text and type: links, replies, message types, times, contact cards.
import { define } from './runtime.js';
import { Msg, MsgCollection } from './messages.js';
import { MsgKey } from './msgkey.js';
import { me } from './login.js';
import { createWid } from './wid.js';
import { VERSION } from './version.js';

const LINK = /https?:\/\/[^\s<>"]+/g;

const findLinks = (text) =>
  [...String(text ?? '').matchAll(LINK)].map((match) => ({
    href: match[0],
    url: match[0],
    index: match.index,
    suspiciousCharacters: null,
  }));

define('WALinkify', () => ({ findLinks, findLink: (text) => findLinks(text)[0] }));
define('useWAWebLinkPreview', () => ({ findFirstWebLink: (text) => findLinks(text)[0]?.href }));

/** What the linked page's title and text would be; the real app has them fetched. */
async function getLinkPreview(link) {
  if (!link) return null;
  const { hostname } = new URL(link.href);
  const data = { title: hostname, description: `About ${hostname}`, matchedText: link.href, canonicalUrl: link.href };
  return { url: link.url, data };
}

define('WAWebLinkPreviewChatAction', () => ({ getLinkPreview }));

const canReplyMsg = (message) => !message.isNotification && message.type !== 'revoked';

define('WAWebMsgReply', () => ({ canReplyMsg }));

/** The message that another one replies to, from memory or as far as the reply itself tells. */
function getQuotedMsgObj(message) {
  const { quotedStanzaID, quotedMsg, quotedParticipant } = message.attributes;
  if (!quotedStanzaID) return null;
  const present = MsgCollection.findFirst((one) => one.id.id === quotedStanzaID);
  if (present) return present;
  const id = new MsgKey({ fromMe: me.is(quotedParticipant), remote: message.id.remote, id: quotedStanzaID });
  return new Msg({ id, from: createWid(quotedParticipant), to: message.to, ...quotedMsg });
}

define('WAWebQuotedMsgModelUtils', () => ({ getQuotedMsgObj }));

const types = [
  'notification',
  'notification_template',
  'group_notification',
  'gp2',
  'broadcast_notification',
  'e2e_notification',
  'call_log',
  'protocol',
  'chat',
  'location',
  'payment',
  'vcard',
  'ciphertext',
  'multi_vcard',
  'revoked',
  'oversized',
  'groups_v4_invite',
  'hsm',
  'template_button_reply',
  'image',
  'video',
  'audio',
  'ptt',
  'sticker',
  'document',
  'product',
  'order',
  'list',
  'interactive',
  'list_response',
  'buttons_response',
  'reaction',
  'native_flow',
  'unknown',
  'poll_creation',
  'poll_update',
];

define('WAWebMsgType', () => ({
  MSG_TYPE: Object.freeze(Object.fromEntries(types.map((type) => [type.toUpperCase(), type]))),
  SYSTEM_MESSAGE_TYPES: types.slice(0, 8),
}));

define('WATimeUtils', () => ({
  unixTime: () => Math.floor(Date.now() / 1000),
  unixTimeMs: () => Date.now(),
  MINUTE_SECONDS: 60,
  HOUR_SECONDS: 3600,
  DAY_SECONDS: 86400,
  WEEK_SECONDS: 604800,
}));

define('WAWebLid1X1MigrationGating', () => ({ Lid1X1MigrationUtils: { isLidMigrated: () => true } }));
define('WAWebABProps', () => ({ getABPropConfigValue: () => undefined }));
define('WAWebPrimaryFeatures', () => ({ primaryFeatureEnabled: () => false }));
define('WAWebGenMinimalLinkPreviewChatAction', () => ({ genMinimalLinkPreview: async () => null }));
define('WAWebUpdaterVersion', () => ({ SANITIZED_VERSION_STR: VERSION }));

/** As the real one, by what the browser says of itself. */
function browserInfo() {
  const agent = navigator.userAgent;
  const first = (names, otherwise) => names.find(([word]) => agent.includes(word))?.[1] ?? otherwise;
  const os = first([['Windows', 'Windows'], ['Macintosh', 'Mac OS']], 'Linux');
  const name = first([['Edg/', 'Edge'], ['Firefox/', 'Firefox']], 'Chrome');
  return { os, name, version: '156' };
}

define('WAWebMiscBrowserUtils', () => ({ default: { info: browserInfo } }));
