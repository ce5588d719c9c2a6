//! Every key of the queue. Those of a session carry its name as hash tag, so that a script finds them all on one node of a
//! Redis Cluster. Sorted sets that say "lexical" have the score 0 and are ordered by their members.

use crate::model::SessionName;
pub use crate::redis::WAKE_CHANNEL;

/// Set: the sessions that have a queue, so that a pause of all reaches each.
pub const SESSIONS: &str = "drover:sessions";
/// String, there while all sessions are paused.
pub const PAUSED_ALL: &str = "drover:paused";

/// Stream: messages that backends hand in without HTTP, each with a field `payload`. Taken over, they are deleted.
pub const INLET: &str = "drover:outbox";
/// The group of consumers that reads it: all nodes.
pub const INLET_GROUP: &str = "drover";
/// Stream: what was not taken over, with `entry`, `code`, `reason` and `payload`.
pub const INLET_REJECTED: &str = "drover:outbox:rejected";
/// About how many of these are kept.
pub const INLET_REJECTED_KEPT: u32 = 10_000;

/// What stands before a session's hash tag, and after it: with the number of the layout, so that none is read as another. What
/// the first one left in a Redis that keeps its data goes when the session is loaded (scripts/load.lua).
pub const SESSION_PREFIX: (&str, &str) = ("drover:{", "}:2:");

/// String, packed by scripts/session.lua: `server` (the process that was loaded), `loading` (the load under way), `paused` (the
/// cause, or empty), `paused_all`, `is_awaited` (somebody was told to wait for work), `failures` in a row, `open_until`, the
/// pace (`next_at`, `bucket`: burst used up to, `passed_normal` and `passed_low`: claims in a row that passed by one of these,
/// `day`, `in_day`), `due_at` (no later than the first of `due`), how many entries of what it counts (`kept` of `sent`,
/// `unindexed` of these, `tried`), the number of `claims`, and those that hold: token, message, end of the lease, when it was
/// claimed, and what a release puts back. Last the latest time at which it was written, by which a clock that was set back shows
/// (scripts/following.lua).
pub const STATE: &str = "state";
/// Sorted set, lexical: every message that is not settled, by chat and in its order; scripts/filing.lua says how a message is
/// written.
pub const LINE: &str = "line";
/// Sorted set: the first messages of chats that may go, by rank (those that an earlier holder never settled, high, normal, low)
/// and place.
pub const READY: &str = "ready";
/// Sorted set: the first messages of chats that have to wait, by the time at which they need not any more.
pub const DUE: &str = "due";
/// List: the last claims, `time|chat`, the latest last; as long as the limits look back.
pub const SENT: &str = "sent";
/// Hash: a message that was handed out before to `how often|not before|1 if its last holder never settled it`.
pub const TRIED: &str = "tried";
/// List, one a chat, gone after a minute: when its last messages were claimed, the latest last. Written from `sent` when the
/// limit could be reached.
pub const TO_CHAT: &str = "to:";

/// Sorted set, one an API key, gone after a minute: random members by the time of an acceptance.
pub const ACCEPTED_BY: (&str, &str) = ("drover:{key:", "}:accepted");

/// Sorted set, one a bucket of a rate limit, gone after its window: random members by the time at which something was counted.
pub const RATE: (&str, &str) = ("drover:{rate:", "}:counted");

/// A session's keys in the order in which every script takes them.
const IN_ORDER: [&str; 6] = [STATE, LINE, READY, DUE, SENT, TRIED];

/// The key of a rate limit's bucket.
pub(super) fn rate(bucket: &str) -> String {
    let (before, after) = RATE;
    format!("{before}{bucket}{after}")
}

/// One key of a session.
pub(super) fn of_session(session: &SessionName, name: &str) -> String {
    let (before, after) = SESSION_PREFIX;
    format!("{before}{session}{after}{name}")
}

/// The keys of a session as the scripts take them.
pub(super) fn all_of_session(session: &SessionName) -> Vec<String> {
    IN_ORDER.iter().map(|name| of_session(session, name)).collect()
}

/// The key that counts an API key's messages.
pub(super) fn accepted_by(api_key_id: &str) -> String {
    let (before, after) = ACCEPTED_BY;
    format!("{before}{api_key_id}{after}")
}
