//! `POST /api/queue/pause|resume?session=`: one session's queue, or all of them.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        openapi::AnySession,
        problem::Answer,
    },
    clock::Clock,
    event::EventLog,
    model::{Alert, EventKind, NewEvent, PauseCause, SessionName},
    queue::Queue,
    session::Registry,
    store::Store,
};

type Changed = Answer<(StatusCode, Json<PauseChange>)>;

/// Which queues stand still or go on.
#[derive(Serialize, ToSchema)]
pub(super) struct PauseChange {
    /// null for all of them.
    #[schema(value_type = Option<String>, example = "main")]
    session: Option<SessionName>,
    all: bool,
    paused: bool,
}

/// Hands out no more messages. What a sender holds is finished. It holds until it is lifted, whatever happens to Redis.
#[utoipa::path(
    post, path = "/api/queue/pause", tag = "queue", params(AnySession),
    responses((status = 201, description = "How it stands now", body = PauseChange)),
)]
pub(super) async fn pause(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(clock): State<Arc<dyn Clock>>,
    State(queue): State<Queue>,
    State(events): State<EventLog>,
    principal: Principal,
    params: Params,
) -> Changed {
    let session = which(&registry, &principal, &params)?;
    store.pauses().pause(session.as_ref(), PauseCause::Operator, clock.now_ms()).await?;
    queue.pause(session.as_ref()).await?;
    tell(&registry, &events, EventKind::QueuePaused, session.as_ref()).await?;
    Ok(answer(session, true))
}

/// Hands out messages again. Resuming one session does not lift a pause of all.
#[utoipa::path(
    post, path = "/api/queue/resume", tag = "queue", params(AnySession),
    responses((status = 201, description = "How it stands now", body = PauseChange)),
)]
pub(super) async fn resume(
    State(registry): State<Registry>,
    State(store): State<Store>,
    State(queue): State<Queue>,
    State(events): State<EventLog>,
    principal: Principal,
    params: Params,
) -> Changed {
    let session = which(&registry, &principal, &params)?;
    let restricted = match &session {
        Some(name) => store.pauses().list().await?.sessions.get(name) == Some(&PauseCause::WhatsappRestricted),
        None => false,
    };
    store.pauses().lift(session.as_ref()).await?;
    queue.resume(session.as_ref()).await?;
    if let (true, Some(name)) = (restricted, &session) {
        events.alert(name, Alert::resolved("whatsapp_restricted", "its queue was resumed by hand")).await?;
    }
    tell(&registry, &events, EventKind::QueueResumed, session.as_ref()).await?;
    Ok(answer(session, false))
}

fn which(registry: &Registry, principal: &Principal, params: &Params) -> Answer<Option<SessionName>> {
    let session = params.optional::<SessionName>("session")?;
    match &session {
        Some(name) => {
            principal.require(Action::Control, name)?;
            registry.view(name)?;
        }
        None => principal.require_on_all(Action::Control)?,
    }
    Ok(session)
}

/// Every session that is meant hears of it, since whoever follows one session hears of no other.
async fn tell(registry: &Registry, events: &EventLog, kind: EventKind, session: Option<&SessionName>) -> Answer<()> {
    let names: Vec<_> = match session {
        Some(name) => vec![name.clone()],
        None => registry.views().into_iter().map(|view| view.name).collect(),
    };
    for name in names {
        let payload = json!({ "session": name, "all": session.is_none(), "cause": PauseCause::Operator.as_str() });
        events.publish(NewEvent { kind, session: name, payload }).await?;
    }
    Ok(())
}

fn answer(session: Option<SessionName>, paused: bool) -> (StatusCode, Json<PauseChange>) {
    (StatusCode::CREATED, Json(PauseChange { all: session.is_none(), session, paused }))
}
