// Messages that appear, and what becomes of ours.

/** What the app writes into a chat by itself, or cannot read yet. */
const NOBODYS = new Set(['ciphertext', 'revoked', 'e2e_notification', 'notification', 'notification_template', 'gp2',
  'broadcast_notification', 'protocol', 'call_log', 'debug', 'pinned_message', 'newsletter_notification']);
const BODY_IS_TEXT = new Set(['chat', 'vcard', 'multi_vcard', 'list_response', 'buttons_response']);

function tell(message) {
  const key = String(message.id);
  const { id, fromMe, remote } = message.id;
  const isOurs = fromMe && memory.own.has(id);
  if (isOurs || NOBODYS.has(message.type) || memory.told.has(key) || String(remote) === 'status@broadcast') return;
  remember(memory.told, key);
  notify('message', {
    key,
    from: String(message.from ?? remote),
    to: String(message.to ?? remote),
    author: message.author ? String(message.author) : undefined,
    kind: String(message.type),
    body: String((BODY_IS_TEXT.has(message.type) ? message.body : message.caption) ?? ''),
    timestamp: Math.floor(message.t ?? Date.now() / 1000),
    ack: message.ack ?? 0,
    notifyName: message.notifyName,
  });
}

/** The highest counts: an edit makes it dip. */
function onAck(message) {
  const key = String(message.id);
  if (!message.id.fromMe) return;
  if (message.ack < 0) notify('sendFailure', { key });
  if (!(message.ack > (memory.acks.get(key) ?? 0))) return;
  remember(memory.acks, key, message.ack);
  notify('ack', { key, ack: message.ack });
}

function onSendFailure(message) {
  const key = String(message.id);
  if (!message.id.fromMe || message.isSendFailure !== true || message.ack > 0) return;
  if (memory.runs.has(key)) memory.runs.get(key).failedAt = Date.now();
  notify('sendFailure', { key });
}
