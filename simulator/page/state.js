// What the app shows of itself: Socket, Stream, Conn, Cmd, BackendEventBus, the offline progress, the network status.
//
//   not linked:  OPENING -> PAIRING -> UNPAIRED -> (refs run out) UNPAIRED_IDLE       mode QR
//   linked:      OPENING -> PAIRING -> CONNECTED -> ... hasSynced, stream CONNECTED   mode SYNCING, then MAIN
//
// `hasSynced` stays true over a lost connection and becomes undefined at a logout. Nothing ever sets CONFLICT.
import { define } from './runtime.js';
import { EventEmitter } from './events.js';
import { BaseModel } from './model.js';
import { login } from './login.js';

function constants(...names) {
  return Object.freeze(Object.fromEntries(names.map((name) => [name, name])));
}

export const SOCKET_STATE = constants(
  'OPENING',
  'PAIRING',
  'UNPAIRED',
  'UNPAIRED_IDLE',
  'CONNECTED',
  'CONFLICT',
  'UNLAUNCHED',
  'PROXYBLOCK',
  'TOS_BLOCK',
  'SMB_TOS_BLOCK',
  'SCREEN_LOCKED',
);
export const SOCKET_STREAM = constants('DISCONNECTED', 'SYNCING', 'RESUMING', 'CONNECTED');
export const StreamInfo = constants('OFFLINE', 'OPENING', 'PAIRING', 'SYNCING', 'RESUMING', 'CONNECTING', 'NORMAL');
export const StreamMode = constants('QR', 'MAIN', 'SYNCING', 'OFFLINE', 'CONFLICT', 'PROXYBLOCK', 'TOS_BLOCK', 'SMB_TOS_BLOCK');

class SocketModel extends BaseModel {
  defaults() {
    return { state: SOCKET_STATE.UNLAUNCHED, stream: SOCKET_STREAM.DISCONNECTED, hasSynced: undefined };
  }

  /** Both are remains of the time with one web client at a time, and throw. */
  takeover() {
    throw new Error('Takeover called without conflict!');
  }

  reconnect() {
    throw new TypeError('this.initConn is not a function');
  }
}

class StreamModel extends BaseModel {
  defaults() {
    return { mode: login.isRegistered() ? StreamMode.SYNCING : StreamMode.QR, info: StreamInfo.OPENING, available: false };
  }

  markAvailable() {
    this.set({ available: true });
  }

  markUnavailable() {
    this.set({ available: false });
  }
}

class ConnModel extends BaseModel {
  defaults() {
    return {
      id: '1',
      ref: undefined,
      refTTL: undefined,
      wid: undefined,
      connected: undefined,
      platform: undefined,
      pushname: undefined,
    };
  }

  canSetMyPushname() {
    return true;
  }
}

class CmdImpl extends EventEmitter {
  isMainLoaded = false;
}

/** The app's own actions that other parts add to Cmd (`CmdImpl.prototype`). */
export function command(name, run) {
  CmdImpl.prototype[name] = run;
}

const BackendEvent = Object.freeze({ REFRESH_QR: 'refresh_qr' });

class BackendEventBusImpl extends EventEmitter {
  onRefreshQR(callback) {
    return this.on(BackendEvent.REFRESH_QR, callback);
  }

  triggerRefreshQR() {
    this.trigger(BackendEvent.REFRESH_QR);
  }
}

/** Actions of Socket that other parts own (`Socket.logout`). */
export function socketAction(name, run) {
  SocketModel.prototype[name] = run;
}

export const Socket = new SocketModel();
export const Stream = new StreamModel();
export const Conn = new ConnModel();
export const Cmd = new CmdImpl();
export const BackendEventBus = new BackendEventBusImpl();

const offline = { percent: undefined };

const OfflineMessageHandler = {
  /** Whole per cent, 99 at the end. Throws before a login. */
  getOfflineDeliveryProgress() {
    if (!login.isRegistered()) throw new Error('getOfflineDeliveryProgress: not logged in');
    return offline.percent ?? 0;
  },
};

export function setOfflineProgress(percent) {
  offline.percent = Math.min(99, Math.floor(percent));
  Cmd.trigger('offline_progress_update_from_bridge');
}

class NetworkStatusModel extends BaseModel {
  defaults() {
    return { online: navigator.onLine };
  }

  initialize() {
    for (const event of ['online', 'offline']) window.addEventListener(event, () => this.checkOnline());
  }

  checkOnline() {
    this.set({ online: navigator.onLine });
  }
}

define('WAWebSocketConstants', () => ({ SOCKET_STATE, SOCKET_STREAM }));
define('WAWebSocketModel', () => ({ Socket }));
define('WAWebStreamModel', () => ({ Stream, StreamInfo, StreamMode }));
define('WAWebConnModel', () => ({ Conn }));
define('WAWebCmd', () => ({ Cmd, CmdImpl, Revoke: constants('Sender', 'Admin') }));
define('WAWebBackendEventBus', () => ({ BackendEventBus, BackendEvent }));
define('WAWebOfflineHandler', () => ({ OfflineMessageHandler }));
define('WAWebNetworkStatus', () => ({ default: new NetworkStatusModel() }));
