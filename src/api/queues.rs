//! The queues: how they stand, paused and resumed.

mod clear;
mod dead;
mod depth;
mod pause;
mod stats;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{input::Params, problem::Answer, state::Parts, wire::rfc3339};
use crate::{
    model::{MessageState, PauseCause, SessionName},
    queue::{Queue, QueueStats},
    store::Store,
};

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(depth::depth))
        .routes(routes!(stats::stats))
        .routes(routes!(pause::pause))
        .routes(routes!(pause::resume))
        .routes(routes!(clear::clear))
        .routes(routes!(dead::list, dead::remove_all))
        .routes(routes!(dead::retry_all))
        .routes(routes!(dead::remove))
        .routes(routes!(dead::retry))
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

/// How a session's queue stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "session": "main", "depth": 2, "states": { "queued": 2, "read": 9 }, "waiting": 2, "claimed": 0,
    "nextDueAt": "2026-11-18T11:06:40.000Z", "paused": false, "pausedAll": false, "pauseCause": null,
    "circuitOpenUntil": null, "limits": { "leftThisMinute": 7, "leftThisHour": 597, "leftToday": null },
}))]
pub(super) struct QueueStanding {
    session: String,
    /// Messages that are not settled.
    depth: i64,
    /// How many messages are in each state.
    #[schema(value_type = BTreeMap<String, i64>)]
    states: BTreeMap<&'static str, i64>,
    /// Messages that wait in Redis.
    waiting: u64,
    /// Messages that a sender holds.
    claimed: u64,
    /// RFC 3339.
    #[schema(format = DateTime)]
    next_due_at: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    hindrance: Hindrance,
}

/// What keeps it from moving.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Hindrance {
    paused: bool,
    paused_all: bool,
    /// `operator` or `whatsapp_restricted`.
    pause_cause: Option<&'static str>,
    /// RFC 3339; until then nothing is tried, after failures in a row.
    #[schema(format = DateTime)]
    circuit_open_until: Option<String>,
    limits: LimitsLeft,
}

/// How many messages may still go.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LimitsLeft {
    left_this_minute: u32,
    left_this_hour: u32,
    /// null when there is no cap a day.
    left_today: Option<u32>,
}

/// How a session's queue stands: the database says how many messages are in which state, Redis what may go when.
pub(super) async fn standing(store: &Store, queue: &Queue, name: &SessionName) -> Answer<QueueStanding> {
    let messages = store.messages();
    let (counts, stats) = tokio::join!(messages.counts(name), queue.stats(name));
    Ok(show(name, &counts?, &stats?))
}

fn show(name: &SessionName, counts: &[(MessageState, i64)], stats: &QueueStats) -> QueueStanding {
    let mut states: BTreeMap<&'static str, i64> = MessageState::ALL.iter().map(|state| (state.as_str(), 0)).collect();
    states.extend(counts.iter().map(|(state, count)| (state.as_str(), *count)));
    let depth: i64 = counts.iter().filter(|(state, _)| !state.is_settled()).map(|(_, count)| count).sum();
    let blocked = &stats.blocked;
    QueueStanding {
        session: name.to_string(),
        depth,
        states,
        waiting: stats.waiting,
        claimed: stats.claimed,
        next_due_at: stats.next_due_at_ms.map(rfc3339),
        hindrance: Hindrance {
            paused: blocked.paused || blocked.paused_all,
            paused_all: blocked.paused_all,
            pause_cause: blocked.cause.map(PauseCause::as_str),
            circuit_open_until: blocked.circuit_open_until_ms.map(rfc3339),
            limits: LimitsLeft {
                left_this_minute: stats.left_this_minute,
                left_this_hour: stats.left_this_hour,
                left_today: stats.left_today,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_counted_and_those_that_wait_are_the_depth() {
        let name = "main".parse().expect("a name");
        let counts = [(MessageState::Queued, 3), (MessageState::Sending, 1), (MessageState::Read, 9)];
        let stats = QueueStats { next_due_at_ms: Some(0), left_this_minute: 7, ..QueueStats::default() };
        let shown = serde_json::json!(show(&name, &counts, &stats));
        assert_eq!(shown["depth"], 4);
        assert_eq!(shown["states"]["read"], 9);
        assert_eq!(shown["states"]["dead"], 0);
        assert_eq!(shown["states"].as_object().map(serde_json::Map::len), Some(MessageState::ALL.len()));
        assert_eq!(shown["nextDueAt"], "1970-01-01T00:00:00.000Z");
        assert_eq!(shown["limits"]["leftThisMinute"], 7);
        assert_eq!(shown["circuitOpenUntil"], serde_json::Value::Null);
    }
}
