//! A message by any form of its id: bare, public, or the page's full key.

use crate::{
    api::{
        auth::{Action, Principal},
        problem::{Answer, Problem},
    },
    model::{InvalidId, MessageId, MessageKey, OutboundMessage},
    store::Store,
};

/// The message that is meant, if the key may do that with its session.
pub(super) async fn find(store: &Store, principal: &Principal, action: Action, form: &str) -> Answer<OutboundMessage> {
    let bare = MessageId::from_any_form(form).map_err(|error: InvalidId| Problem::wrong_field("id", error))?;
    let messages = store.messages();
    let mut found = messages.get(&bare).await?;
    if let (None, Ok(key)) = (&found, form.parse::<MessageKey>()) {
        found = messages.find_by_key(&key).await?;
    }
    let message = found.ok_or_else(unknown)?;
    principal.require(action, &message.session)?;
    Ok(message)
}

/// The problem of an id that nobody knows.
pub(super) fn unknown() -> Problem {
    let message = "there is no message of this id that was handed in here";
    Problem::new(axum::http::StatusCode::NOT_FOUND, "unknown_message", message)
}
