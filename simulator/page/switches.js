// What the page does wrong on purpose, as plain values that the other parts read. faults.js sets them.

/**
 * - `oldMsgKey`: keys have `_serialized`, as before August 2026;
 * - `neverSync`: the first sync and every resume stop short of `hasSynced`;
 * - `lateHasSyncedMs`: `hasSynced` comes so much later than it could;
 * - `blockedMode`: the mode of a screen that WhatsApp shuts out, whatever else happens;
 * - `hangLogout`: a logout never gets its storage cleared.
 */
export const active = { oldMsgKey: false, neverSync: false, lateHasSyncedMs: 0, blockedMode: undefined, hangLogout: false };
