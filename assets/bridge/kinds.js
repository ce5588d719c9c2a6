// What a message of each kind consists of, beside what all of them have. Shapes: whatsapp-web.md, "Fields per kind".

const [PREVIEW_MS, SECRET_BYTES] = [5000, 32];
/** What goes along when a message is forwarded; media by the upload that is there already. */
const FORWARDED = ['type', 'body', 'caption', 'lat', 'lng', 'loc', 'vcardFormattedName', 'vcardList', 'title', 'description', 'matchedText',
  'canonicalUrl', 'thumbnail', 'clientUrl', 'deprecatedMms3Url', 'directPath', 'mimetype', 'filehash', 'encFilehash', 'uploadhash', 'size',
  'filename', 'mediaKey', 'mediaKeyTimestamp', 'isGif', 'duration', 'width', 'height', 'pageCount', 'waveform'];
const FORWARDABLE = new Set(['chat', 'image', 'video', 'audio', 'ptt', 'document', 'sticker', 'location', 'vcard', 'multi_vcard']);

const CONTENT = {
  text: async ({ body, mentions, link_preview: wantsPreview }) => ({
    type: 'chat',
    body,
    ...(mentions?.length ? { mentionedJidList: mentions.map((id) => parts.createWid(id)) } : {}),
    ...(wantsPreview ? await preview(body) : {}),
  }),
  location: ({ latitude, longitude, title }) => ({ type: 'location', lat: latitude, lng: longitude, loc: title ?? '' }),
  contact: ({ cards }) =>
    cards.length === 1
      ? { type: 'vcard', body: cards[0].vcard, vcardFormattedName: cards[0].displayName }
      : { type: 'multi_vcard', vcardList: cards },
  poll: ({ name, options, multiple_answers: isMultiple }) => ({
    type: 'poll_creation',
    pollName: name,
    pollOptions: options.map((option, localId) => ({ name: option, localId })),
    pollSelectableOptionsCount: isMultiple ? 0 : 1,
    messageSecret: crypto.getRandomValues(new Uint8Array(SECRET_BYTES)),
  }),
  media: mediaFields,
  forward: async ({ target }) => {
    const message = await messageOf(target);
    if (!FORWARDABLE.has(message.type)) throw refusal('not_forwardable', `a message of type ${message.type} cannot be forwarded`);
    const fields = FORWARDED.map((name) => [name, message[name]]).filter(([, value]) => value !== undefined && value !== null);
    return { ...Object.fromEntries(fields), isForwarded: true, forwardingScore: (message.forwardingScore ?? 0) + 1 };
  },
};

/** A link's title and picture. A text does not wait long for them, and goes without where there are none. */
async function preview(body) {
  if (!has('link_preview')) return {};
  const link = safely(() => parts.findLink(body));
  const patience = new Promise((done) => setTimeout(done, PREVIEW_MS));
  const found = link && (await Promise.race([Promise.resolve(parts.linkPreview(link)).catch(() => undefined), patience]));
  return found?.data ? { ...found.data, preview: true, subtype: 'url' } : {};
}

/** The message that another one is about; what it is told of must be there. */
async function messageOf(key) {
  const message = await find(key);
  if (!message || message.type === 'revoked') throw refusal('unknown_message', `WhatsApp Web knows no message ${key}`);
  return message;
}

async function fields(target, key, content) {
  if (!CONTENT[content.kind]) throw refusal('missing_capability', `send ${content.kind}`);
  const route = { id: key, from: target.me, to: target.chat.id, self: 'out' };
  const state = { t: Math.floor(Date.now() / 1000), ack: 0, local: true, isNewMsg: true };
  const quoted = content.reply_to ? (await messageOf(content.reply_to)).msgContextInfo(target.chat.id) : {};
  const own = await CONTENT[content.kind](content, String(key));
  return { ...safely(() => parts.ephemeral(target.chat), {}), ...route, ...state, ...quoted, ...own };
}
