//! One session: what it is, what it needs, what it did.

use minijinja::{Value, context};

use super::{
    Desk, memory,
    page::{Drawn, Part},
    plot,
    render::shown,
    visitor::Visitor,
};
use crate::{
    api::{auth::Action, problem::Answer, queues},
    model::{Content, Event, EventKind, OutboundMessage, SessionName, SessionState, SessionView},
};

/// How many of each are shown.
const MESSAGES: u32 = 20;
const DEAD: u32 = 20;
const PAST: u32 = 25;
/// What stands in the timeline.
const TOLD: &[EventKind] = &[
    EventKind::SessionStatus,
    EventKind::SessionDegraded,
    EventKind::QueuePaused,
    EventKind::QueueResumed,
    EventKind::QueueCircuit,
    EventKind::WebVersion,
    EventKind::Alert,
];

/// What the page shows.
pub(super) async fn read(desk: &Desk, visitor: &Visitor, name: &SessionName) -> Answer<Drawn> {
    visitor.principal().require(Action::Read, name)?;
    let rooms = &desk.parts.rooms;
    let view = rooms.registry.view(name)?;
    let store = &rooms.store;
    // Without Redis the rest is still worth seeing, then more than ever.
    let standing = queues::standing(store, &rooms.queue, name).await.ok().map(|standing| serde_json::json!(standing));
    let (messages, events) = (store.messages(), store.events());
    let (latest, dead, past) = tokio::try_join!(
        messages.latest(name, MESSAGES),
        messages.dead(Some(name), DEAD),
        events.latest(Some(name), TOLD, PAST),
    )?;
    let values = context! {
        session => describe(&view, memory::held(&rooms.registry).get(name).copied()),
        can => context! {
            send => visitor.may(Action::Send, name),
            control => visitor.may(Action::Control, name),
        },
        queue => shown(&standing),
        limits => shown(&LimitsShown::of(&rooms.queue.limits_of(name))),
        messages => latest.iter().map(message).collect::<Vec<_>>(),
        dead => dead.iter().map(message).collect::<Vec<_>>(),
        timeline => past.iter().map(told).collect::<Vec<_>>(),
        spans => plot::of(desk, Some(name), visitor.language),
    };
    let whole = |id, template| Part::Whole { id, template };
    let parts = vec![
        whole("actions", "session_actions.html"),
        whole("code", "session_code.html"),
        whole("facts", "session_facts.html"),
        whole("queue", "session_queue.html"),
        whole("plots", "plots.html"),
        whole("dead", "session_dead.html"),
        whole("messages", "session_messages.html"),
        whole("timeline", "session_timeline.html"),
    ];
    Ok(Drawn { values, parts })
}

fn describe(view: &SessionView, memory_bytes: Option<u64>) -> Value {
    let health = &view.health;
    let is_running = !matches!(view.state, SessionState::Stopped | SessionState::Hibernated);
    context! {
        name => shown(&view.name),
        state => view.state.as_str(),
                group => super::overview::group_of(view),
        desired => shown(&view.desired),
        reason => shown(&view.reason),
        since_ms => view.since_ms,
        memory_bytes,
        me => shown(&view.me),
        number => view.me.as_ref().map(|me| me.id.trim_end_matches("@c.us")),
        page => shown(&view.page),
        retry => view.retry.map(|(attempt, at_ms)| context! { attempt, at_ms }),
        is_running,
        // A page of its own to picture.
        has_page => is_running && !matches!(view.state, SessionState::Launching | SessionState::Reconnecting | SessionState::Failed | SessionState::LoggedOut),
        qr => view.qr.as_ref().map(|qr| context! { seq => qr.seq, until_ms => qr.expires_at_ms }),
        degraded => shown(&health.degraded),
        quarantined => health.quarantined,
        crashes => health.crashes_last_hour,
        drops => health.socket_drops_last_hour,
        latency => shown(&health.latency),
        last_ack_ms => health.last_ack_at_ms,
        last_activity_ms => health.last_activity_at_ms,
        is_online => health.is_online,
        screenshots => health.screenshots.iter().rev().map(|kept| context! { name => kept.name.as_str(), at_ms => kept.at_ms, reason => kept.reason.as_str() }).collect::<Vec<_>>(),
    }
}

/// The limits in force, by the names that the catalogues know; 0 is none.
#[derive(serde::Serialize)]
struct LimitsShown {
    per_minute: u32,
    burst: u32,
    per_hour: u32,
    per_recipient_per_minute: u32,
    gap_ms: u64,
    gap_jitter_ms: u64,
}

impl LimitsShown {
    fn of(limits: &crate::config::Limits) -> Self {
        Self {
            per_minute: limits.per_minute,
            burst: limits.burst,
            per_hour: limits.per_hour,
            per_recipient_per_minute: limits.per_recipient_per_minute,
            gap_ms: limits.gap_ms,
            gap_jitter_ms: limits.gap_jitter_ms,
        }
    }
}

/// A message with what is shown of it.
pub(super) fn message(message: &OutboundMessage) -> Value {
    let OutboundMessage { id, session, chat, content, progress, created_at_ms, .. } = message;
    context! {
        id => id.public(chat),
        bare => id.as_str(),
        session => shown(session),
        chat => chat.as_str().trim_end_matches("@c.us"),
        kind => content.kind(),
        text => glimpse(content),
        state => progress.state.as_str(),
        ack => progress.ack.0,
        at_ms => *created_at_ms,
        attempts => progress.attempts.len(),
        error => progress.error.as_ref().map(|(code, detail)| context! { code => code.as_str(), detail => detail.as_str() }),
        history => progress.attempts.iter().map(|attempt| context! {
            at_ms => attempt.at_ms,
            outcome => shown(&attempt.outcome),
            detail => attempt.detail.as_deref(),
        }).collect::<Vec<_>>(),
    }
}

/// The beginning of what it says.
fn glimpse(content: &Content) -> String {
    const LONGEST: usize = 90;
    let body = content.body();
    let mut text: String = body.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if body.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

/// A line of the timeline.
fn told(event: &Event) -> Value {
    let payload = &event.event.payload;
    let text = |pointer: &str| payload.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
    context! {
        at_ms => event.at_ms,
        kind => event.event.kind.as_str(),
        state => text("/state"),
        reason => payload.get("reason").filter(|reason| reason.is_object()).map(shown),
        code => text("/code"),
        message => text("/message"),
        severity => text("/severity"),
        is_resolved => payload["isResolved"].as_bool(),
        causes => payload.get("causes").filter(|causes| causes.is_array()).map(shown),
        version => text("/after"),
    }
}
