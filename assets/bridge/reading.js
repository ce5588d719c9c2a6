// A message of the app's as drover speaks of one.

/** What the app writes into a chat by itself, or cannot read yet. */
const NOBODYS = new Set(['ciphertext', 'revoked', 'e2e_notification', 'notification', 'notification_template', 'group_notification', 'gp2',
  'broadcast_notification', 'protocol', 'call_log', 'debug', 'pinned_message', 'newsletter_notification', 'keep_in_chat', 'poll_update',
  'reaction']);
const BODY_IS_TEXT = new Set(['chat', 'vcard', 'list_response', 'buttons_response', 'template_button_reply', 'hsm']);
const HAS_MEDIA = new Set(['image', 'video', 'audio', 'ptt', 'document', 'sticker', 'ptv']);

const isSomebodys = (message) => !NOBODYS.has(message.type);
const seconds = (time) => Math.floor(time > 1e12 ? time / 1000 : time) || Math.floor(Date.now() / 1000);
const textOf = (message) => String((BODY_IS_TEXT.has(message.type) ? message.body : message.caption ?? message.pollName) ?? '');

function quotedBy(message) {
  const { quotedStanzaID: id, quotedParticipant: participant, quotedMsg } = message;
  if (!id) return undefined;
  const body = String(quotedMsg?.caption ?? quotedMsg?.body ?? '');
  return { id, participant: participant && String(participant), body, hasMedia: HAS_MEDIA.has(quotedMsg?.type) };
}

/** What only some kinds have. */
function detailsOf(message) {
  const { type, lat, lng, loc, mimetype, filename, size, pollName, pollOptions, mentionedJidList, isForwarded } = message;
  const cards = { vcard: () => [message.body], multi_vcard: () => (message.vcardList ?? []).map(({ vcard }) => vcard) }[type];
  return {
    media: HAS_MEDIA.has(type) ? { mimetype: mimetype ?? 'application/octet-stream', filename, size: Number(size) || undefined } : undefined,
    location: type === 'location' ? { latitude: Number(lat), longitude: Number(lng), description: loc ?? '' } : undefined,
    vCards: cards?.().map(String),
    poll: type === 'poll_creation' ? { name: String(pollName), options: (pollOptions ?? []).map(({ name }) => String(name)) } : undefined,
    replyTo: quotedBy(message),
    mentions: mentionedJidList?.length ? mentionedJidList.map(String) : undefined,
    isForwarded: isForwarded === true || undefined,
  };
}

function read(message) {
  const { remote } = message.id;
  return {
    key: String(message.id),
    from: String(message.from ?? remote),
    to: String(message.to ?? remote),
    author: message.author ? String(message.author) : undefined,
    kind: String(message.type),
    body: textOf(message),
    timestamp: seconds(message.t),
    ack: message.ack ?? 0,
    notifyName: message.notifyName,
    details: detailsOf(message),
  };
}
