// Incoming calls. The collection keeps them in a Map too; that Map's `set` is where clients hook in.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { createWid } from './wid.js';
import { socket } from './socket.js';

export class Call extends BaseModel {
  defaults() {
    return {
      isVideo: false,
      isGroup: false,
      outgoing: false,
      canHandleLocally: true,
      webClientShouldHandle: false,
      participants: [],
    };
  }

  getState() {
    return this.attributes.state;
  }
}

class CallCollectionImpl extends BaseCollection {
  calls = new Map();
  activeCall = null;

  processIncomingCall(call) {
    this.calls.set(call.id, call);
    return this.add(call)[0];
  }

  setActiveCall(call) {
    this.activeCall = call;
  }
}

holds(CallCollectionImpl, Call);

export const CallCollection = new CallCollectionImpl();

const STATE = { offer: 'INCOMING_RING', ended: 'ENDED' };

socket.on('call', ({ id, from, isVideo, isGroup, at, state }) => {
  const present = CallCollection.get(id);
  if (present) {
    present.set({ state: STATE[state] });
    return;
  }
  CallCollection.processIncomingCall(
    new Call({ id, peerJid: createWid(from), isVideo, isGroup, offerTime: at, state: STATE[state] }),
  );
});

define('WAWebCallCollection', () => ({ default: CallCollection }));
define('WAWebCallModel', () => ({ default: Call }));
