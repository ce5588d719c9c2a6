//! The session's circuit, told: an event and a gauge.

use metrics::{counter, gauge};
use serde_json::json;

use super::{DeliveryError, Sender};
use crate::{
    model::{EventKind, NewEvent},
    queue::CircuitChange,
};

impl Sender {
    pub(super) async fn tell_circuit(&self, change: CircuitChange) -> Result<(), DeliveryError> {
        let session = self.session.clone();
        let settings = &self.services.settings.queue;
        let is_open = change != CircuitChange::Closed;
        gauge!("drover_queue_circuit_open", "session" => session.to_string()).set(f64::from(u8::from(is_open)));
        let payload = match change {
            CircuitChange::Opened => {
                counter!("drover_queue_circuit_opened_total", "session" => session.to_string()).increment(1);
                tracing::warn!(failures = settings.circuit_failures, "too many failures in a row: the queue rests");
                json!({
                    "session": session,
                    "circuit": "open",
                    "failures": settings.circuit_failures,
                    "restSeconds": settings.circuit_open_s,
                })
            }
            // It was told when it opened.
            CircuitChange::Reopened => return Ok(()),
            CircuitChange::Closed => json!({ "session": session, "circuit": "closed" }),
        };
        self.services.events.publish(NewEvent { kind: EventKind::QueueCircuit, session, payload }).await?;
        Ok(())
    }
}
