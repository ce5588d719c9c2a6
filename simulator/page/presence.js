// Presence and typing, ours and theirs; marking a chat as read.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { createWid } from './wid.js';
import { socket } from './socket.js';
import { Stream } from './state.js';

class Presence extends BaseModel {
  defaults() {
    return { isOnline: undefined, isSubscribed: false, chatstate: undefined };
  }

  initialize() {
    const chatstate = new BaseModel({ id: this.id, type: 'unavailable', t: undefined });
    this.attributes.chatstate = chatstate;
    chatstate.on('change:type', (_state, type, before) => this.announce('change:chatstate.type', chatstate, type, before));
  }

  get hasData() {
    return this.attributes && this.isOnline !== undefined;
  }

  get isUser() {
    return this.id?.isUser();
  }

  get isGroup() {
    return this.id?.isGroup();
  }

  async subscribe() {
    this.set({ isSubscribed: true });
  }
}

class PresenceCollectionImpl extends BaseCollection {
  gadd(id) {
    const wid = createWid(id);
    return this.get(wid) ?? this.add({ id: wid })[0];
  }
}

holds(PresenceCollectionImpl, Presence);

export const PresenceCollection = new PresenceCollectionImpl();

socket.on('presence', ({ chatId, from, state, at }) => {
  const presence = PresenceCollection.gadd(chatId);
  presence.set({ isOnline: state !== 'unavailable' });
  presence.chatstate.set({ type: state, t: at, id: createWid(from) });
});

Stream.on('change:available', (_stream, available) => socket.send({ t: 'presence', available }));

// No mapping from number to LID inside: whoever passes a number addresses a chat that is not there.
function sendState(state) {
  return async (wid) => {
    socket.send({ t: 'chatstate', chatId: String(wid), state });
  };
}

define('WAWebChatStateBridge', () => ({
  sendChatStateComposing: sendState('composing'),
  sendChatStateRecording: sendState('recording'),
  sendChatStatePaused: sendState('paused'),
}));

const ofChat = (send) => (chat) => send(chat.id);

define('WAWebPresenceChatAction', () => ({
  markComposing: ofChat(sendState('composing')),
  markRecording: ofChat(sendState('recording')),
  markPaused: ofChat(sendState('paused')),
  sendPresenceAvailable: async () => Stream.markAvailable(),
  sendPresenceUnavailable: async () => Stream.markUnavailable(),
}));

define('WAWebPresenceCollection', () => ({ PresenceCollection }));
