//! `POST /api/queue/pause|resume?session=`: one session's queue, or all of them.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use crate::{
    api::{
        auth::{Action, Principal},
        input::Params,
        problem::Answer,
    },
    event::EventLog,
    model::{EventKind, NewEvent, SessionName},
    queue::Queue,
    session::Registry,
};

type Changed = Answer<(StatusCode, Json<Value>)>;

/// Hands out no more messages. What a sender holds is finished.
pub(super) async fn pause(
    State(registry): State<Registry>,
    State(queue): State<Queue>,
    State(events): State<EventLog>,
    principal: Principal,
    params: Params,
) -> Changed {
    let session = which(&registry, &principal, &params)?;
    queue.pause(session.as_ref()).await?;
    tell(&registry, &events, EventKind::QueuePaused, session.as_ref()).await?;
    Ok(answer(session.as_ref(), true))
}

/// Hands out messages again. Resuming one session does not lift a pause of all.
pub(super) async fn resume(
    State(registry): State<Registry>,
    State(queue): State<Queue>,
    State(events): State<EventLog>,
    principal: Principal,
    params: Params,
) -> Changed {
    let session = which(&registry, &principal, &params)?;
    queue.resume(session.as_ref()).await?;
    tell(&registry, &events, EventKind::QueueResumed, session.as_ref()).await?;
    Ok(answer(session.as_ref(), false))
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
        let payload = json!({ "session": name, "all": session.is_none() });
        events.publish(NewEvent { kind, session: name, payload }).await?;
    }
    Ok(())
}

fn answer(session: Option<&SessionName>, paused: bool) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "session": session, "all": session.is_none(), "paused": paused })))
}
