//! Where events go, how far they are, and what was not taken.

use minijinja::{Value, context};

use super::{
    Desk,
    page::{Drawn, Part},
    render::shown,
    visitor::Visitor,
};
use crate::{
    api::{auth::Action, problem::Answer, webhooks::may_change},
    store::Delivery,
    webhook,
};

/// How many dead letters are shown.
const DEAD: u32 = 50;

/// What the page shows.
pub(super) async fn read(desk: &Desk, visitor: &Visitor) -> Answer<Drawn> {
    let only = visitor.principal().only_session();
    match only {
        Some(name) => visitor.principal().require(Action::Read, name)?,
        None => visitor.principal().require_on_all(Action::Read)?,
    }
    let webhooks = &desk.parts.rooms.webhooks;
    let views = webhooks.list(only).await?;
    let hooks: Vec<Value> = views
        .iter()
        .map(|view| {
            context! {
                session => shown(&view.lane.session),
                id => view.lane.webhook.as_str(),
                url => if may_change(visitor.principal(), view) { view.url.clone() } else { webhook::origin_only(&view.url) },
                is_global => view.is_global,
                kinds => view.kinds.as_ref().map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>()),
                backlog => view.backlog,
                open_until_ms => view.circuit_open_until_ms,
            }
        })
        .collect();
    let dead = webhooks.dead(only, DEAD).await?;
    let letters: Vec<(String, Value)> =
        dead.iter().map(|dead| (format!("delivery-{}", dead.id), letter(dead, visitor))).collect();
    let values = context! { hooks, letters => letters.iter().map(|(_, letter)| letter.clone()).collect::<Vec<_>>() };
    let parts = vec![
        Part::Whole { id: "hooks", template: "webhooks_list.html" },
        Part::List { id: "letters", template: "webhooks_dead.html", items: letters },
    ];
    Ok(Drawn { values, parts })
}

fn letter(dead: &Delivery, visitor: &Visitor) -> Value {
    context! {
        id => dead.id.as_str(),
        session => shown(&dead.lane.session),
        webhook => dead.lane.webhook.as_str(),
        kind => dead.event.event.kind.as_str(),
        at_ms => dead.progress.updated_at_ms,
        attempts => dead.progress.attempts,
        error => dead.progress.failure.as_ref().map(|(code, message)| context! { code => code.as_str(), message => message.as_str() }),
        can_control => visitor.may(Action::Control, &dead.lane.session),
    }
}
