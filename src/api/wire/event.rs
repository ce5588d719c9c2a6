//! An event in WAHA's envelope.

use serde_json::Value;

use super::environment;
use crate::{
    api::state::Facts,
    event::envelope,
    model::{Event, Me},
};

/// WAHA's envelope around an event.
pub(in crate::api) fn event(event: &Event, me: Option<&Me>, facts: &Facts) -> Value {
    envelope(event, me, &environment(facts))
}
