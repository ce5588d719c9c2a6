// What is done to a message or a chat that is there already: reactions, edits, revokes, receipts, "typing".
//
// They leave no row of their own id in the message table, or none that could be sent again. So before one is done, what it acts on
// tells whether it was done before; done twice it is seen once all the same.

const ACK_EVERY_MS = 100;
const done = (ack = 1) => ({ outcome: 'sent', ack });
const isOk = (result) => String(result?.messageSendResult ?? 'OK') === 'OK';

const ACTIONS = {
  /** One reaction a person and message: the same again changes nothing. */
  reaction: async ({ target, emoji }, key) => {
    const { sendAddon, targetInfo, parentKey, keyType } = need('reaction');
    const message = await messageOf(target);
    const to = await resolve(String(message.id.remote), keyType?.Addon);
    const id = to.key(idOf(key));
    const now = Date.now();
    return () => sendAddon({
      id,
      ...targetInfo(id, keyType?.Addon),
      reactionParentKey: parentKey(message),
      type: 'reaction',
      kind: 'reactionDecrypted',
      viewMode: 'VISIBLE',
      t: Math.floor(now / 1000),
      ack: 0,
      reactionText: emoji,
      reactionTimestamp: now,
      read: true,
    });
  },
  /** A protocol message under our own key; its row tells whether the server has it. */
  edit: async ({ target, body }, key, isRepeat) => {
    const { createEdit, sendEdit, mayEdit, mayEditCaption } = need('edit');
    const message = await messageOf(target);
    const before = isRepeat && (await lookUp({ keys: [key] }));
    if (before?.ack >= 1) return done(before.ack);
    if (!isRepeat && !mayEdit(message) && !mayEditCaption(message)) {
      throw refusal('too_old', 'WhatsApp does not let this message be edited: it has no text, was not sent yet, or is older than 15 minutes');
    }
    const id = (await resolve(String(message.id.remote))).key(idOf(key));
    const data = Object.assign(createEdit({ msg: message, text: body, options: {} }), { id, latestEditMsgKey: id });
    return async () => {
      await sendEdit(message, data);
      return acknowledged(String(id));
    };
  },
  /** The app chooses the id. A message that was there and is no more, or is a revoked one, was revoked. */
  revoke: async ({ target }, _key, isRepeat) => {
    const { sendRevoke, Revoke, mayRevoke, mayRevokeOthers } = need('revoke');
    const message = await find(target);
    if (isRepeat && (!message || message.type === 'revoked')) return done();
    if (!message || message.type === 'revoked') throw refusal('unknown_message', `WhatsApp Web knows no message ${target}`);
    const isMine = message.id.fromMe;
    if (!isRepeat && !(isMine ? mayRevoke : mayRevokeOthers)(message)) {
      throw refusal('too_old', 'WhatsApp does not let this message be deleted for everybody: it is too old, or not yours');
    }
    // The event is for what others do.
    remember(memory.told, `revoked ${String(message.id)}`);
    return () => sendRevoke({ type: 'message', data: message }, isMine ? Revoke.Sender : Revoke.Admin, true);
  },
  seen: async (_content, key) => {
    const { sendSeen } = need('seen');
    const { chat } = await resolve(remoteOf(key));
    return () => sendSeen({ chat });
  },
};

/** The page's row of a protocol message, once the server answered. */
async function acknowledged(key) {
  for (;;) {
    const found = await lookUp({ keys: [key] });
    if (found?.ack >= 1) return { messageSendResult: 'OK' };
    if (found?.isSendFailure) return { messageSendResult: isConnected() ? 'ERROR_UNKNOWN' : 'ERROR_NETWORK' };
    await new Promise((next) => setTimeout(next, ACK_EVERY_MS));
  }
}

async function act({ key, content, waitMs, notAfterMs, isRepeat }) {
  if (memory.runs.get(key)?.isSettled === false) return isKnown();
  const perform = await ACTIONS[content.kind](content, key, isRepeat);
  if (typeof perform !== 'function') return perform;
  if (Date.now() > notAfterMs) return late();
  const run = begin(key);
  const settle = (verdict) => Object.assign(run, { isSettled: true, answer: verdict });
  Promise.resolve(perform()).then(
    (result) => settle(isOk(result) ? done() : undone(String(result.messageSendResult))),
    (error) => settle(answer('unknown', 'interrupted', String(error?.message ?? error))),
  );
  return outcome({ key, waitMs });
}

function undone(result) {
  if (result === 'ERROR_NETWORK' || !isConnected()) return answer('unknown', 'interrupted', 'the connection to WhatsApp was lost');
  return answer('rejected', 'refused', `WhatsApp refused it (${result})`);
}

/** No mapping from number to LID inside: the chat's own id is passed. */
async function showChatState({ chat, state }) {
  // The parts are named as the states.
  const send = need('chat_state')[state];
  await send((await resolve(chat)).chat.id);
}
