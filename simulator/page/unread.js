// Marking a chat as read or unread.
import { define } from './runtime.js';
import { socket } from './socket.js';
import { storeChat, unreadKeys } from './chats.js';
import { command } from './state.js';

const RECEIPTS_AT_ONCE = 100;

/** Takes `{chat}` since 2.3000, a chat before. */
async function sendSeen(given) {
  const chat = given.chat ?? given;
  const keys = (await unreadKeys(chat)).slice(-RECEIPTS_AT_ONCE);
  if (keys.length) socket.send({ t: 'receipt', keys, kind: 'read' });
  chat.set({ unreadCount: 0 });
  await storeChat(chat);
}

async function markUnread(chat, unread = true) {
  chat.set({ unreadCount: unread ? -1 : 0 });
  await storeChat(chat);
}

command('markChatUnread', markUnread);

define('WAWebUpdateUnreadChatAction', () => ({ sendSeen, markSeen: sendSeen, markUnread }));
