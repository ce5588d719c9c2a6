//! The keys, for admins: what each opens. No key is shown, since none is known.

use minijinja::{Value, context};

use super::{
    Desk,
    page::{Drawn, Part},
    render::shown,
    visitor::Visitor,
};
use crate::api::problem::Answer;

/// What the page shows.
pub(super) async fn read(desk: &Desk, visitor: &Visitor) -> Answer<Drawn> {
    visitor.principal().require_admin()?;
    let keys = desk.parts.rooms.store.api_keys().list().await?;
    let mine = visitor.principal().key_id();
    let shown: Vec<Value> = keys
        .iter()
        .map(|key| {
            context! {
                id => key.id.as_str(),
                is_admin => key.is_admin,
                is_active => key.is_active,
                session => shown(&key.session),
                actions => shown(&key.actions),
                at_ms => key.created_at_ms,
                is_mine => key.id == mine,
            }
        })
        .collect();
    Ok(Drawn { values: context! { keys => shown }, parts: Vec::<Part>::new() })
}
