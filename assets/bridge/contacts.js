// Who people are, and which chats there are.

/** A contact by any id; by a LID it tells the number, where WhatsApp has it. */
async function contact({ id }) {
  const { Contact, createWid, contactNames } = need('contacts');
  const wid = createWid(id);
  const found = Contact.get(wid) ?? (await Contact.find(wid).catch(() => undefined));
  if (!found) return null;
  const pn = wid.server === 'lid' ? safely(() => parts.toPn(wid)) : wid;
  const lid = safely(() => parts.toLid(wid));
  const { getIsMyContact, getIsContactBlocked, getFormattedName } = contactNames ?? {};
  return {
    id: String(found.id),
    number: pn?.user,
    lid: lid && String(lid),
    name: safely(() => found.name) ?? safely(() => getFormattedName(found)),
    pushname: safely(() => found.pushname),
    shortName: safely(() => found.shortName),
    isMe: mine().map(String).includes(String(found.id)),
    isGroup: String(found.id).endsWith('@g.us'),
    isWAContact: true,
    isMyContact: safely(() => getIsMyContact(found), false) === true,
    isBlocked: safely(() => getIsContactBlocked(found), false) === true,
    isBusiness: safely(() => found.isBusiness, false) === true,
  };
}

async function about({ id }) {
  const { statusOf, createWid } = need('about');
  const wid = createWid(id);
  const answer = await statusOf(statusOf.length > 1 ? wid : { wid, token: '' });
  return { about: answer?.status ?? null };
}

async function picture({ id }) {
  const { pictureOf, createWid } = need('pictures');
  const answer = await pictureOf({ id: createWid(id) }).catch(() => undefined);
  return { url: answer?.eurl ?? answer?.img ?? null };
}

const titleOf = (chat) => safely(() => parts.chatTitles.getFormattedTitle(chat)) ?? safely(() => chat.formattedTitle) ?? chat.name;

/** One page of the chats, the last written to first. */
function chats({ limit, offset }) {
  const { Chat } = need('chats');
  const all = Chat.getModelsArray().filter((chat) => chat.t > 0).sort((one, other) => other.t - one.t);
  return all.slice(offset, offset + limit).map((chat) => {
    const last = chat.msgs.getModelsArray().filter(isSomebodys).reduce((newest, one) => (newest?.t > one.t ? newest : one), undefined);
    return {
      id: String(chat.id),
      name: titleOf(chat) ?? '',
      isGroup: String(chat.id).endsWith('@g.us'),
      unreadCount: Math.max(0, chat.unreadCount ?? 0),
      timestamp: seconds(chat.t),
      isArchived: chat.archive === true,
      lastMessage: last && read(last),
    };
  });
}

/** A chat by any form of its id; that of a number may run under a LID that is not known here yet. None is made. */
async function existingChat(Chat, wid) {
  for (const form of [() => wid, () => parts.toLid(wid), () => parts.toPn(wid)]) {
    const found = safely(() => Chat.get(form()));
    if (found) return found;
  }
  return parts.existing ? Promise.resolve(parts.existing(wid)).then((found) => found?.chat ?? found, () => undefined) : undefined;
}

/** One page of a chat's messages, the newest first. A chat that is not there is not made. */
async function chatMessages({ chat: id, limit, offset }) {
  const { Chat, createWid, loadMessages } = need('catch_up');
  const chat = await existingChat(Chat, createWid(id));
  if (!chat) return null;
  for (let page = 0; page < PAGES_OF_MESSAGES && chat.msgs.getModelsArray().filter(isSomebodys).length < offset + limit; page += 1) {
    const more = await Promise.resolve(loadMessages({ chat })).catch(() => loadMessages(chat));
    if (!more?.length) break;
  }
  const messages = chat.msgs.getModelsArray().filter(isSomebodys).sort((one, other) => other.t - one.t);
  return messages.slice(offset, offset + limit).map(read);
}

/** One message, in any form of its key. */
async function message({ key }) {
  const found = await find(key);
  return found && isSomebodys(found) ? read(found) : null;
}
