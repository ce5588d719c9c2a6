//! The queues: how they stand, paused and resumed.

mod clear;
mod dead;
mod depth;
mod pause;
mod stats;

use std::collections::BTreeMap;

use axum::{
    Router,
    routing::{delete, get, post},
};
use serde_json::{Value, json};

use super::{input::Params, problem::Answer, state::Parts, wire::rfc3339};
use crate::{
    model::{MessageState, PauseCause, SessionName},
    queue::{Queue, QueueStats},
    store::Store,
};

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/{session}/queue", get(depth::depth))
        .route("/api/queue/stats", get(stats::stats))
        .route("/api/queue/pause", post(pause::pause))
        .route("/api/queue/resume", post(pause::resume))
        .route("/api/queue", delete(clear::clear))
        .route("/api/queue/dead", get(dead::list).delete(dead::remove_all))
        .route("/api/queue/dead/retry", post(dead::retry_all))
        .route("/api/queue/dead/{id}", delete(dead::remove))
        .route("/api/queue/dead/{id}/retry", post(dead::retry))
}

/// What is to be thrown away, named once more so that nobody does it by mistake.
enum Confirmed {
    All,
    One(SessionName),
}

impl Confirmed {
    /// `confirm=<session>`, or `confirm=*` for all of them. A session that was deleted may still have dead letters.
    fn read(params: &Params) -> Answer<Self> {
        match params.text("confirm") {
            Some("*") => Ok(Self::All),
            _ => Ok(Self::One(params.required("confirm")?)),
        }
    }
}

/// How a session's queue stands: the database says how many messages are in which state, Redis what may go when.
pub(super) async fn standing(store: &Store, queue: &Queue, name: &SessionName) -> Answer<Value> {
    let messages = store.messages();
    let (counts, stats) = tokio::join!(messages.counts(name), queue.stats(name));
    Ok(show(name, &counts?, &stats?))
}

fn show(name: &SessionName, counts: &[(MessageState, i64)], stats: &QueueStats) -> Value {
    let mut states: BTreeMap<&str, i64> = MessageState::ALL.iter().map(|state| (state.as_str(), 0)).collect();
    states.extend(counts.iter().map(|(state, count)| (state.as_str(), *count)));
    let depth: i64 = counts.iter().filter(|(state, _)| !state.is_settled()).map(|(_, count)| count).sum();
    let blocked = &stats.blocked;
    json!({
        "session": name,
        "depth": depth,
        "states": states,
        "waiting": stats.waiting,
        "claimed": stats.claimed,
        "nextDueAt": stats.next_due_at_ms.map(rfc3339),
        "paused": blocked.paused || blocked.paused_all,
        "pausedAll": blocked.paused_all,
        "pauseCause": blocked.cause.map(PauseCause::as_str),
        "circuitOpenUntil": blocked.circuit_open_until_ms.map(rfc3339),
        "limits": { "leftThisMinute": stats.left_this_minute, "leftThisHour": stats.left_this_hour, "leftToday": stats.left_today },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_counted_and_those_that_wait_are_the_depth() {
        let name = "main".parse().expect("a name");
        let counts = [(MessageState::Queued, 3), (MessageState::Sending, 1), (MessageState::Read, 9)];
        let stats = QueueStats { next_due_at_ms: Some(0), left_this_minute: 7, ..QueueStats::default() };
        let shown = show(&name, &counts, &stats);
        assert_eq!(shown["depth"], 4);
        assert_eq!(shown["states"]["read"], 9);
        assert_eq!(shown["states"]["dead"], 0);
        assert_eq!(shown["states"].as_object().map(serde_json::Map::len), Some(MessageState::ALL.len()));
        assert_eq!(shown["nextDueAt"], "1970-01-01T00:00:00.000Z");
        assert_eq!(shown["limits"]["leftThisMinute"], 7);
        assert_eq!(shown["circuitOpenUntil"], Value::Null);
    }
}
