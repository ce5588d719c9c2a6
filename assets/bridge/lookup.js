// Chats, keys in all their forms, and what the page's database knows of them.

const PAGES_OF_MESSAGES = 20;
const [idOf, remoteOf] = [(key) => key.split('_')[2], (key) => key.split('_')[1]];
/** The chat in the form that WhatsApp has it now, ourselves in that chat's form, and the key of an id in it. */
async function resolve(chatId, type = parts.keyType?.Message) {
  const { createWid, findChat, meForChat, MsgKey } = need('prepare');
  const { chat } = await findChat(createWid(chatId));
  const me = meForChat(chat, type);
  const participant = String(chat.id).endsWith('@g.us') ? me : undefined;
  return { chat, me, key: (id) => new MsgKey({ from: me, to: chat.id, id, participant, selfDir: 'out' }) };
}

async function chatOfNumber(chatId) {
  const found = await need('check_number').exists(parts.createWid(chatId));
  return found?.wid ? String(found.wid) : null;
}

/** A chat with messages proves that somebody is there: WhatsApp need not be asked again. */
function hasWritten(chatId) {
  const wid = safely(() => parts.createWid(chatId));
  const messages = (form) => safely(() => parts.Chat.get(form).msgs.length, 0);
  return messages(wid) > 0 || messages(safely(() => parts.toLid(wid))) > 0;
}

/** Looking for a chat makes one for anybody: a number is asked for first. */
async function prepare({ chat, id, knownAs }) {
  const { createWid, MsgKey, mePn } = need('prepare');
  const mustAsk = !knownAs && chat.endsWith('@c.us') && has('check_number') && !hasWritten(chat);
  // WhatsApp may know the number in another spelling than the one asked for (Brazil's ninth digit).
  const there = mustAsk ? await chatOfNumber(chat) : knownAs ?? chat;
  const checked = mustAsk ? { chat: there } : null;
  if (there) return { key: String((await resolve(there)).key(id)), onWhatsapp: true, checked };
  return { key: String(new MsgKey({ from: mePn(), to: createWid(chat), id, selfDir: 'out' })), onWhatsapp: false, checked };
}

/** A message's key by number and by LID; in a group with ourselves in either form. */
function forms(key) {
  const [fromMe, remote, id, tail] = key.split('_');
  const own = mine().filter(Boolean).map(String);
  if (remote.endsWith('@g.us')) return [tail, ...own].map((who) => [fromMe, remote, id, who].join('_'));
  const wid = safely(() => parts.createWid(remote));
  const remotes = [safely(() => parts.toPn(wid)), safely(() => parts.toLid(wid))].filter(Boolean).map(String);
  return remotes.map((form) => [fromMe, form, id, ...(own.includes(form) ? ['out'] : [])].join('_'));
}

const describe = (message) => ({
  key: String(message.id),
  ack: Math.max(Number(message.ack ?? 0), memory.acks.get(String(message.id)) ?? 0),
  isSendFailure: message.isSendFailure === true,
});

/** From the app's memory, which knows of an ack first, and its message table. Null when neither has the message. */
async function lookUp({ keys }) {
  const { rowsByKey } = need('look_up');
  if (!mine()[0]) throw refusal('refused', 'the page is not linked: keys need the own number');
  const wanted = [...new Set([...keys, ...keys.flatMap(forms)])];
  const shown = wanted.map((key) => safely(() => parts.Msg.get(key))).filter(Boolean).map(describe);
  const stored = (await rowsByKey(wanted)).filter(Boolean).map(describe);
  return [...shown, ...stored].reduce((best, found) => (best && best.ack >= found.ack ? best : found), null);
}

/** The model of a stored message; after a reload it comes with its chat, the newest first. */
async function load(key, chat) {
  const { Msg, loadMessages } = parts;
  for (let page = 0; !Msg.get(key) && loadMessages && page < PAGES_OF_MESSAGES; page += 1) {
    const more = await Promise.resolve(loadMessages({ chat })).catch(() => loadMessages(chat));
    if (!more?.length) break;
  }
  return Msg.get(key) ?? (await Msg.getMessagesById([key]))?.messages?.[0];
}

/** The model of a message in any form of its key; undefined when neither memory nor the message table has it. */
async function find(key) {
  const { rowsByKey, findChat, createWid, Msg } = need('find_message');
  const wanted = [...new Set([key, ...forms(key)])];
  const shown = wanted.map((form) => safely(() => Msg.get(form))).find(Boolean);
  if (shown) return shown;
  const [row] = (await rowsByKey(wanted)).filter(Boolean);
  if (!row) return undefined;
  const stored = String(row.id);
  const { chat } = await findChat(createWid(remoteOf(stored)));
  return load(stored, chat);
}
