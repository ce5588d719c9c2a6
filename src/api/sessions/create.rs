//! `POST /api/sessions`

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{config, info};
use crate::{
    api::{auth::Principal, input::Body, problem::Answer, state::Facts},
    model::SessionName,
    session::Registry,
    webhook::Webhooks,
};

#[derive(Deserialize)]
struct Create {
    name: Option<SessionName>,
    start: Option<bool>,
}

/// Makes a session, and starts it unless `start` is false. Without a name one is made up.
pub(super) async fn create(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    State(webhooks): State<Webhooks>,
    principal: Principal,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
    principal.require_admin()?;
    let Create { name, start } = body.read()?;
    let config = config::read(&body, &principal, &webhooks, &Value::Null)?.unwrap_or_else(|| json!({}));
    let name = name.unwrap_or_else(made_up);
    let change = webhooks.prepare(&name, &config).await?;
    registry.create(name.clone(), config, start.unwrap_or(true)).await?;
    drop(change);
    Ok((StatusCode::CREATED, Json(info(&registry, &name, &facts).await?)))
}

fn made_up() -> SessionName {
    let bytes: [u8; 6] = rand::rng().random();
    let name = bytes.iter().fold("session_".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    name.parse().expect("letters, digits and _ make a name")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_made_up_name_is_a_name() {
        assert_ne!(super::made_up(), super::made_up());
    }
}
