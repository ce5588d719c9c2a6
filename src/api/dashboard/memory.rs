//! Memory: what all of it holds, against what it may, and who would be put to sleep first.

use std::collections::HashMap;

use minijinja::{Value, context};

use super::{
    Desk,
    page::{Drawn, Part},
    plot,
    render::shown,
    visitor::Visitor,
};
use crate::{
    api::{auth::Action, problem::Answer},
    model::SessionName,
    session::{MemoryView, Registry, SessionMemory},
};

/// What the page shows.
pub(super) async fn read(desk: &Desk, visitor: &Visitor) -> Answer<Drawn> {
    visitor.principal().require_on_all(Action::Read)?;
    let view = desk.parts.rooms.registry.memory();
    let rows = rows(&view);
    let values = context! {
        level => shown(&view.level),
        used => view.used_bytes,
        // Where nothing limits it there is no number for it.
        budget => Some(view.budget_bytes).filter(|bytes| *bytes < u64::MAX),
        limit => view.limits.memory_bytes,
        own => view.own.private_bytes,
        others => view.others.private_bytes,
        held => held_by_all(&view),
        aside => set_aside(&view),
        tasks => view.limits.tasks_current,
        tasks_max => view.limits.tasks_max,
        waiting_for_room => view.waiting_for_room,
        measured_ms => view.measured_at_ms,
        pieces => pieces(&view),
        rows => rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>(),
        spans => plot::of(desk, None, visitor.language),
    };
    let parts = vec![
        Part::Whole { id: "memory-state", template: "memory_state.html" },
        Part::List { id: "holders", template: "memory_row.html", items: rows },
        Part::Whole { id: "plots", template: "plots.html" },
    ];
    Ok(Drawn { values, parts })
}

/// What each session's browser holds, in bytes.
pub(super) fn held(registry: &Registry) -> HashMap<SessionName, u64> {
    let of = |session: SessionMemory| (session.name, session.held.private_bytes);
    registry.memory().sessions.into_iter().map(of).collect()
}

/// The sessions with a browser: first those that would be put to sleep, in that order, then the others by what they hold.
fn rows(view: &MemoryView) -> Vec<(String, Value)> {
    let place = |session: &SessionMemory| view.eviction_order.iter().position(|name| *name == session.name);
    let mut sessions: Vec<(Option<usize>, &SessionMemory)> =
        view.sessions.iter().map(|session| (place(session), session)).collect();
    sessions.sort_by_key(|(place, session)| (place.unwrap_or(usize::MAX), session.name.clone()));
    let row = |(place, session): (Option<usize>, &SessionMemory)| {
        let row = context! {
            name => shown(&session.name),
            place => place.map(|place| place + 1),
            private => session.held.private_bytes,
            pss => session.held.pss_bytes,
            processes => session.held.processes,
            is_pinned => session.is_pinned,
            idle_since_ms => view.measured_at_ms.map(|at_ms| at_ms - session.idle_ms),
        };
        (format!("holder-{}", session.name), row)
    };
    sessions.into_iter().map(row).collect()
}

/// What the browsers hold, in bytes.
fn held_by_all(view: &MemoryView) -> u64 {
    view.sessions.iter().map(|session| session.held.private_bytes).sum()
}

/// What is set aside for browsers that start, in bytes.
fn set_aside(view: &MemoryView) -> u64 {
    let held = view.own.private_bytes.saturating_add(view.others.private_bytes).saturating_add(held_by_all(view));
    view.used_bytes.saturating_sub(held)
}

/// The pieces of the bar, of 1,000: what is held, of the budget or, without one, of the machine.
fn pieces(view: &MemoryView) -> Vec<Value> {
    let budget = Some(view.budget_bytes).filter(|bytes| *bytes < u64::MAX);
    let Some(whole) = budget.or(view.limits.memory_bytes).filter(|bytes| *bytes > 0) else { return Vec::new() };
    let mut begin = 0;
    let (own, others) = (view.own.private_bytes, view.others.private_bytes);
    let parts = [("own", own), ("others", others), ("sessions", held_by_all(view)), ("aside", set_aside(view))];
    parts
        .into_iter()
        .map(|(name, bytes): (&str, u64)| {
            let width = (u128::from(bytes) * 1_000 / u128::from(whole)).min(1_000 - begin);
            let piece = context! { name, begin => begin.to_string(), width => width.to_string() };
            begin += width;
            piece
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::TreeMemory;

    fn session(name: &str, private_bytes: u64) -> SessionMemory {
        let held = TreeMemory { private_bytes, ..TreeMemory::default() };
        SessionMemory { name: name.parse().expect("a name"), held, idle_ms: 0, is_pinned: false }
    }

    #[test]
    fn who_would_go_first_stands_first() {
        let view = MemoryView {
            sessions: vec![session("a", 10), session("b", 30), session("c", 20)],
            eviction_order: ["c", "b"].map(|name| name.parse().expect("a name")).to_vec(),
            ..MemoryView::default()
        };
        let ids: Vec<String> = rows(&view).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["holder-c", "holder-b", "holder-a"]);
    }

    #[test]
    fn the_bar_never_runs_over_its_end() {
        let view = MemoryView {
            budget_bytes: 100,
            own: TreeMemory { private_bytes: 50, ..TreeMemory::default() },
            sessions: vec![session("a", 80)],
            ..MemoryView::default()
        };
        let widths: Vec<String> =
            pieces(&view).iter().map(|piece| piece.get_attr("width").expect("there").to_string()).collect();
        assert_eq!(widths, ["500", "0", "500", "0"]);
        let starting = MemoryView {
            used_bytes: 90,
            own: TreeMemory { private_bytes: 50, ..TreeMemory::default() },
            ..MemoryView::default()
        };
        assert_eq!(set_aside(&starting), 40);
        let unlimited = MemoryView { budget_bytes: u64::MAX, ..MemoryView::default() };
        assert!(pieces(&unlimited).is_empty());
    }
}
