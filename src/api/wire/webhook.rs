//! Webhooks and what they did not take.

use serde_json::{Value, json};

use super::rfc3339;
use crate::{store::Delivery, webhook::WebhookView};

/// A webhook of a session, as it stands.
pub(in crate::api) fn webhook(view: &WebhookView) -> Value {
    json!({
        "id": view.lane.webhook,
        "session": view.lane.session,
        "global": view.is_global,
        "url": view.url,
        "events": view.kinds.as_ref().map_or_else(|| json!(["*"]), |kinds| json!(kinds)),
        "settledSeq": view.settled_seq,
        "backlog": view.backlog,
        "circuitOpenUntil": view.circuit_open_until_ms.map(rfc3339),
    })
}

/// A dead letter.
pub(in crate::api) fn dead_delivery(delivery: &Delivery) -> Value {
    let Delivery { id, lane, event, progress } = delivery;
    json!({
        "id": id,
        "webhook": lane.webhook,
        "session": lane.session,
        "event": {
            "id": event.public_id(),
            "timestamp": event.at_ms,
            "event": event.event.kind,
            "payload": event.event.payload,
        },
        "attempts": progress.attempts,
        "lastAttemptAt": rfc3339(progress.updated_at_ms),
        "error": progress.failure.as_ref().map(|(code, message)| json!({ "code": code, "message": message })),
    })
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
        assert_eq!(dead_delivery(&dead), expected);
    }
}
