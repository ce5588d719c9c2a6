//! Webhooks and what they did not take.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::rfc3339;
use crate::{
    model::EventKind,
    store::{Delivery, DeliveryProgress},
    webhook::{self, WebhookView},
};

/// A webhook of a session, as it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "wh_1", "session": "main", "global": false, "url": "https://shop.example/hooks", "events": ["message"],
    "settledSeq": 41, "backlog": 0, "circuitOpenUntil": null,
}))]
pub(in crate::api) struct Webhook {
    #[serde(flatten)]
    #[schema(inline)]
    place: Place,
    /// Which events; `*` for all.
    #[schema(value_type = Vec<String>)]
    events: Value,
    /// The number of the last event that was delivered or given up.
    settled_seq: i64,
    /// How many events wait, counted up to 10,000.
    backlog: i64,
    /// Until when nothing is tried, after failures in a row. RFC 3339.
    #[schema(format = DateTime)]
    circuit_open_until: Option<String>,
}

/// Which webhook, and where it leads.
#[derive(Serialize, ToSchema)]
struct Place {
    id: String,
    session: String,
    /// Whether it is the one of all sessions.
    global: bool,
    /// Without a password; only its origin for a key that may not change it.
    url: String,
}

/// A webhook of a session, as it stands, for who may change it or not.
pub(in crate::api) fn webhook(view: &WebhookView, may_change: bool) -> Webhook {
    Webhook {
        place: Place {
            id: view.lane.webhook.clone(),
            session: view.lane.session.to_string(),
            global: view.is_global,
            url: if may_change { view.url.clone() } else { webhook::origin_only(&view.url) },
        },
        events: view.kinds.as_ref().map_or_else(|| json!(["*"]), |kinds| json!(kinds)),
        settled_seq: view.settled_seq,
        backlog: view.backlog,
        circuit_open_until: view.circuit_open_until_ms.map(rfc3339),
    }
}

/// An event that a webhook did not take.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "dlv_1", "webhook": "wh_1", "session": "main",
    "event": { "id": "evt_00000000000000000007", "timestamp": 1_795_000_000_000_u64, "event": "message", "payload": {} },
    "attempts": 15, "lastAttemptAt": "2026-11-18T11:06:40.000Z", "error": { "code": "timeout", "message": "too slow" },
}))]
pub(in crate::api) struct DeadDelivery {
    id: String,
    webhook: String,
    session: String,
    event: DeadEvent,
    attempts: u32,
    /// RFC 3339.
    #[schema(format = DateTime)]
    last_attempt_at: String,
    error: Option<DeliveryError>,
}

/// The event.
#[derive(Serialize, ToSchema)]
struct DeadEvent {
    id: String,
    /// Unix time in milliseconds.
    timestamp: i64,
    event: EventKind,
    payload: Value,
}

/// Why it was not taken.
#[derive(Serialize, ToSchema)]
struct DeliveryError {
    code: String,
    message: String,
}

/// A dead letter.
pub(in crate::api) fn dead_delivery(delivery: &Delivery) -> DeadDelivery {
    let Delivery { id, lane, event, progress: DeliveryProgress { attempts, updated_at_ms, failure, .. } } = delivery;
    DeadDelivery {
        id: id.clone(),
        webhook: lane.webhook.clone(),
        session: lane.session.to_string(),
        event: DeadEvent {
            id: event.public_id(),
            timestamp: event.at_ms,
            event: event.event.kind,
            payload: event.event.payload.clone(),
        },
        attempts: *attempts,
        last_attempt_at: rfc3339(*updated_at_ms),
        error: failure.clone().map(|(code, message)| DeliveryError { code, message }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Event, EventKind, NewEvent, SessionName},
        store::{DeliveryProgress, DeliveryState, LaneKey},
    };

    #[test]
    fn a_dead_letter_says_what_and_why() {
        let session: SessionName = "main".parse().expect("a name");
        let dead = Delivery {
            id: "dlv_1".to_owned(),
            lane: LaneKey { webhook: "wh_1".to_owned(), session: session.clone() },
            event: Event {
                seq: 7,
                at_ms: 5,
                event: NewEvent { kind: EventKind::Message, session, payload: json!({ "body": "hi" }) },
            },
            progress: DeliveryProgress {
                state: DeliveryState::Dead,
                attempts: 3,
                due_at_ms: 0,
                failure: Some(("timeout".to_owned(), "too slow".to_owned())),
                updated_at_ms: 0,
            },
        };
        let expected = json!({
            "id": "dlv_1",
            "webhook": "wh_1",
            "session": "main",
            "event": {
                "id": "evt_00000000000000000007", "timestamp": 5, "event": "message", "payload": { "body": "hi" },
            },
            "attempts": 3,
            "lastAttemptAt": "1970-01-01T00:00:00.000Z",
            "error": { "code": "timeout", "message": "too slow" },
        });
        assert_eq!(json!(dead_delivery(&dead)), expected);
    }
}
