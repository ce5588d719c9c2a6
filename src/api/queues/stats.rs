//! `GET /api/queue/stats?session=`

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::standing;
use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::Answer,
    },
    model::SessionName,
    queue::Queue,
    session::Registry,
    store::Store,
};

/// How the queues of all sessions stand that the key may see, or of one.
pub(super) async fn stats(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(queue): State<Queue>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Value>> {
    let names = match params.optional::<SessionName>("session")? {
        Some(name) => {
            principal.require(Action::Read, &name)?;
            vec![registry.view(&name)?.name]
        }
        None => {
            let names = registry.views().into_iter().map(|view| view.name);
            names.filter(|name| principal.may(Action::Read, name)).collect()
        }
    };
    let mut sessions = Vec::with_capacity(names.len());
    for name in &names {
        sessions.push(standing(&store, &queue, name).await?);
    }
    let sum = |field: &str| sessions.iter().filter_map(|session| session[field].as_i64()).sum::<i64>();
    Ok(Json(json!({
        "depth": sum("depth"),
        "waiting": sum("waiting"),
        "claimed": sum("claimed"),
        "sessions": sessions,
    })))
}
