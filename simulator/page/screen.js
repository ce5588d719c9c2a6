// What a person sees: the QR's payload while not linked, then the chats. `[data-ref]` carries the payload as it is drawn.
import { adv, advSecretEventEmitter, login, me } from './login.js';
import { ChatCollection, titleOf } from './chats.js';
import { MsgCollection } from './messages.js';
import { qrCanvas } from './qr.js';
import { Conn, Socket, Stream, SOCKET_STATE, StreamMode } from './state.js';

const SHOWN_CHATS = 30;

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function payload() {
  try {
    return [Conn.ref, login.noiseB64(), login.identityB64(), adv.get(), '1'].join(',');
  } catch {
    return undefined;
  }
}

function linkScreen() {
  const screen = element('section', 'link');
  screen.append(element('h1', '', 'Scan to link'));
  const text = payload();
  if (Socket.state === SOCKET_STATE.UNPAIRED_IDLE) screen.append(element('button', 'reload', 'Reload the code'));
  else if (text && Conn.ref) {
    const code = element('div', 'code');
    code.dataset.ref = text;
    code.append(qrCanvas(text));
    screen.append(code);
  } else screen.append(element('p', '', 'Enter the code on your phone'));
  return screen;
}

function chatLine(chat) {
  const line = element('li', chat.unreadCount ? 'chat unread' : 'chat');
  line.append(element('b', '', titleOf(chat)), element('span', '', preview(chat.last)));
  if (chat.unreadCount) line.append(element('i', '', String(chat.unreadCount)));
  return line;
}

function preview(message) {
  if (!message || message.isNotification) return '';
  const mark = message.id.fromMe ? (['🕓', '✓', '✓✓', '✓✓', '✓✓'][message.ack] ?? '!') : '';
  return `${message.isSendFailure ? '!' : mark} ${message.type === 'chat' ? message.body : message.type}`;
}

function mainScreen() {
  const screen = element('section', 'main');
  screen.append(element('h1', '', `${me.get()?.pushname ?? ''} · ${Stream.info}`));
  const list = element('ul', '');
  const chats = ChatCollection.filter((chat) => chat.t).sort((a, b) => b.t - a.t);
  list.append(...chats.slice(0, SHOWN_CHATS).map(chatLine));
  screen.append(list);
  return screen;
}

function draw() {
  drawing = false;
  const screen =
    Stream.mode === StreamMode.QR
      ? linkScreen()
      : Stream.mode === StreamMode.MAIN
        ? mainScreen()
        : element('section', 'syncing', 'Loading your chats…');
  document.getElementById('app').replaceChildren(screen);
}

let drawing = false;

/** Draws soon, once for many changes. */
function redraw() {
  if (drawing) return;
  drawing = true;
  setTimeout(draw, 50);
}

export function startScreen() {
  Socket.on('change', redraw);
  Stream.on('change', redraw);
  Conn.on('change', redraw);
  ChatCollection.on('add change', redraw);
  MsgCollection.on('change:ack', redraw);
  advSecretEventEmitter.on('change', redraw);
  redraw();
}
