// The end of a login: from the phone, by the app itself, or because a sync took too long.
//
//   hasSynced undefined -> Cmd starting_logout_from_bridge -> stream DISCONNECTED, mode SYNCING -> storage cleared
//   -> navigation to ?post_logout=1[&logout_reason=N] -> Cmd logout_from_bridge
//
// `isRegistered()` stays true until storage is cleared. An unlink on the phone and a logout by the user carry no reason.
import { define, importNamespace } from './runtime.js';
import { socket } from './socket.js';
import { login } from './login.js';
import { clearStorage } from './storage.js';
import { active } from './switches.js';
import { Cmd, Conn, Socket, Stream, SOCKET_STREAM, StreamMode, socketAction } from './state.js';

export const LogoutReason = Object.freeze({
  UserInitiated: 'user_initiated',
  SyncdFailure: 'syncd_failure',
  InvalidAdvStatus: 'invalid_adv_status',
  CriticalSyncTimeout: 'critical_sync_timeout',
  SyncdTimeout: 'syncd_timeout',
  HistorySyncTimeout: 'history_sync_timeout',
  MDOptOut: 'md_opt_out',
  UnknownCompanion: 'unknown_companion',
  ClientVersionOutdated: 'client_version_outdated',
  StorageQuotaExceeded: 'storage_quota_exceeded',
  PrimaryIdentityKeyChange: 'primary_identity_key_change',
  AccountLocked: 'account_locked',
});

const LOGOUT_REASON_CODE = Object.freeze({
  CLIENT_FATAL: '0',
  SYNC_FAIL: '1',
  INITIAL_HISTORY_SYNC_TIMEOUT: '2',
  ACCOUNT_LOCKED: '3',
});

const CODE_OF_REASON = {
  [LogoutReason.CriticalSyncTimeout]: LOGOUT_REASON_CODE.SYNC_FAIL,
  [LogoutReason.SyncdFailure]: LOGOUT_REASON_CODE.SYNC_FAIL,
  [LogoutReason.SyncdTimeout]: LOGOUT_REASON_CODE.SYNC_FAIL,
  [LogoutReason.HistorySyncTimeout]: LOGOUT_REASON_CODE.INITIAL_HISTORY_SYNC_TIMEOUT,
  [LogoutReason.AccountLocked]: LOGOUT_REASON_CODE.ACCOUNT_LOCKED,
};

/** The real app tells its other devices and destroys a dozen stores before it leaves; in the meantime it is registered. */
const CLEARING_MS = 300;

let leaving = false;

/** `reason` is one of LogoutReason or nothing; `tell` says goodbye to the server. */
export async function logout(reason, { tell = false } = {}) {
  if (leaving) return;
  leaving = true;
  const code = importNamespace('WAWebLogoutReason').getErrorCodeFromLogoutReason(reason);
  Socket.unset('hasSynced');
  Cmd.trigger('starting_logout_from_bridge');
  Socket.set({ stream: SOCKET_STREAM.DISCONNECTED });
  Stream.set({ mode: StreamMode.SYNCING });
  if (tell) socket.send({ t: 'logout' });
  socket.stop();
  Conn.set({ connected: false });
  await new Promise((resolve) => setTimeout(resolve, CLEARING_MS));
  if (active.hangLogout) return;
  await clearStorage();
  login.clear();
  location.href = code === undefined ? '/?post_logout=1' : `/?post_logout=1&logout_reason=${code}`;
  Cmd.trigger('logout_from_bridge');
}

socket.on('unlinked', () => {
  void logout();
});

socketAction('logout', () => {
  void logout(undefined, { tell: true });
});

define('WAWebLogoutReason', () => ({
  getErrorCodeFromLogoutReason: (reason) =>
    reason === undefined ? undefined : (CODE_OF_REASON[reason] ?? LOGOUT_REASON_CODE.CLIENT_FATAL),
}));
define('WAWebLogoutReasonConstants', () => ({ LogoutReason, LOGOUT_REASON_CODE }));
