//! The newest events as a list.

use axum::Json;
use serde_json::Value;

use super::{filter::Filter, teller::Teller};
use crate::api::{
    input::Params,
    problem::{Answer, Problem},
    state::Parts,
};

/// How many events are listed when nobody says.
const USUAL: u32 = 50;
/// How many events are listed at most.
const MOST: u32 = 1000;

/// The first `limit` events after `last_id`; without it, the last `limit` that the filter takes. Oldest first.
pub(super) async fn newest(
    parts: &Parts,
    filter: &Filter,
    last_id: Option<i64>,
    params: &Params,
) -> Answer<Json<Vec<Value>>> {
    let limit = params.optional::<u32>("limit")?.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::wrong_field("limit", format!("this is a whole number from 1 to {MOST}")));
    }
    let kinds = filter.kinds.as_deref().unwrap_or_default();
    if filter.kinds.is_some() && kinds.is_empty() {
        return Ok(Json(Vec::new()));
    }
    let session = filter.session.as_ref();
    let events = match last_id {
        Some(id) => parts.rooms.events.since(id, session, kinds, limit).await?,
        None => {
            let mut latest = parts.rooms.store.events().latest(session, kinds, limit).await?;
            latest.reverse();
            latest
        }
    };
    let teller = Teller::new(parts);
    Ok(Json(events.iter().map(|event| teller.show(event)).collect()))
}
