//! `GET /api/queue/stats?session=`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{QueueStanding, standing};
use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        openapi::AnySession,
        problem::Answer,
    },
    model::SessionName,
    queue::Queue,
    session::Registry,
    store::Store,
};

/// The queues together, and each.
#[derive(Serialize, ToSchema)]
pub(super) struct QueueStats {
    /// Messages that are not settled.
    depth: i64,
    /// Messages that wait in Redis.
    waiting: u64,
    /// Messages that a sender holds.
    claimed: u64,
    sessions: Vec<QueueStanding>,
}

/// How the queues of all sessions stand that the key may see, or of one.
#[utoipa::path(
    get, path = "/api/queue/stats", tag = "queue", params(AnySession),
    responses((status = 200, description = "The queues", body = QueueStats)),
)]
pub(super) async fn stats(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(queue): State<Queue>,
    principal: Principal,
    params: Params,
) -> Answer<Json<QueueStats>> {
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
    Ok(Json(QueueStats {
        depth: sessions.iter().map(|session| session.depth).sum(),
        waiting: sessions.iter().map(|session| session.waiting).sum(),
        claimed: sessions.iter().map(|session| session.claimed).sum(),
        sessions,
    }))
}
