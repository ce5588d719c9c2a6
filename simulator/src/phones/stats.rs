//! Totals.

use axum::extract::State;
use axum::response::Json;
use serde_json::{Value, json};

use crate::simulator::Simulator;

/// `GET /stats`
pub(crate) async fn stats(State(simulator): State<Simulator>) -> Json<Value> {
    simulator.with(|world| {
        let counts = world.counts;
        Json(json!({
            "sockets": world.pages.count(),
            "linked": world.devices.count(),
            "logins": counts.logins,
            "messages": world.messages.count(),
            "received": counts.received,
            "refused": counts.refused,
            "incoming": counts.incoming,
            "duplicates": world.messages.duplicates(),
            "malformed": counts.malformed,
        }))
    })
}
