//! The queue: what waits, what holds it back, and the dead letters of all sessions.

use futures::future::join_all;
use minijinja::{Value, context};

use super::{
    Desk,
    page::{Drawn, Part},
    render::shown,
    session, visible,
    visitor::Visitor,
};
use crate::{
    api::{auth::Action, problem::Answer, queues},
    model::SessionName,
};

/// How many sessions are shown: those with the most work.
const SESSIONS: usize = 50;
/// How many dead letters are shown.
const DEAD: u32 = 50;

/// When the next message becomes due (Unix milliseconds).
fn next_ms(standing: &serde_json::Value) -> Option<i64> {
    let at: jiff::Timestamp = standing["nextDueAt"].as_str()?.parse().ok()?;
    Some(at.as_millisecond())
}

/// What the page shows.
pub(super) async fn read(desk: &Desk, visitor: &Visitor) -> Answer<Drawn> {
    let rooms = &desk.parts.rooms;
    let figure = desk.inner.figures.read().await?;
    let weight = |name: &SessionName| figure.waiting.get(name).copied().unwrap_or(0);
    let mut names: Vec<SessionName> = visible(desk, visitor).into_iter().map(|view| view.name).collect();
    let waiting: u64 = names.iter().map(weight).sum();
    let total = names.len();
    names.sort_by_key(|name| {
        (std::cmp::Reverse(weight(name)), !figure.paused.sessions.contains_key(name), name.clone())
    });
    names.truncate(SESSIONS);
    let standings = join_all(names.iter().map(|name| queues::standing(&rooms.store, &rooms.queue, name))).await;
    let rows: Vec<(String, Value)> = names
        .iter()
        .zip(standings)
        .map(|(name, standing)| {
            // Without Redis there is what the database knows.
            let standing = standing.ok().map(|standing| serde_json::json!(standing));
            let row = context! {
                name => shown(name),
                waiting => weight(name),
                queue => standing.as_ref().map(shown),
                next_ms => standing.as_ref().and_then(next_ms),
                can_control => visitor.may(Action::Control, name),
            };
            (format!("queue-{name}"), row)
        })
        .collect();
    let dead = match visitor.principal().only_session() {
        Some(name) if visitor.may(Action::Read, name) => rooms.store.messages().dead(Some(name), DEAD).await?,
        Some(_) => Vec::new(),
        None => rooms.store.messages().dead(None, DEAD).await?,
    };
    let letters: Vec<(String, Value)> = dead
        .iter()
        .map(|letter| {
            (
                format!("dead-{}", letter.id),
                context! { letter => session::message(letter), can_send => visitor.may(Action::Send, &letter.session) },
            )
        })
        .collect();
    let values = context! {
        waiting, total,
        listed => names.len(),
        oldest_ms => figure.oldest_ms.filter(|_| visitor.principal().only_session().is_none()),
        paused_all => figure.paused.all,
        can_pause_all => visitor.may_on_all(Action::Control),
        rows => rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>(),
        letters => letters.iter().map(|(_, letter)| letter.clone()).collect::<Vec<_>>(),
    };
    let parts = vec![
        Part::Whole { id: "queue-state", template: "queue_state.html" },
        Part::List { id: "queues", template: "queue_row.html", items: rows },
        Part::List { id: "letters", template: "dead_letter.html", items: letters },
    ];
    Ok(Drawn { values, parts })
}
