//! `POST /api/sessions`

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use rand::RngExt;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{config, info};
use crate::{
    api::{
        audit::Made,
        auth::Principal,
        input::Body,
        problem::{Answer, Problem},
        state::Facts,
        wire::SessionInfo,
    },
    model::SessionName,
    session::Registry,
    webhook::Webhooks,
};

/// A session to be.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "name": "main", "start": true, "config": { "metadata": { "shop": "7" } } }))]
pub(super) struct Create {
    /// Without one a name is made up.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    name: Option<SessionName>,
    /// Whether it is started at once; true unless said otherwise.
    start: Option<bool>,
    #[schema(value_type = Option<config::Config>)]
    #[expect(dead_code, reason = "described here, read by sessions::config")]
    config: Option<IgnoredAny>,
}

/// Makes a session, and starts it unless `start` is false. Without a name one is made up.
#[utoipa::path(
    post, path = "/api/sessions", tag = "sessions",
    request_body = Create,
    responses((status = 201, description = "It was made", body = SessionInfo)),
)]
pub(super) async fn create(
    State(registry): State<Registry>,
    State(facts): State<Arc<Facts>>,
    State(webhooks): State<Webhooks>,
    principal: Principal,
    body: Body,
) -> Answer<(StatusCode, Extension<Made>, Json<SessionInfo>)> {
    principal.require_admin()?;
    let Create { name, start, .. } = body.read()?;
    let config = config::read(&body, &principal, &webhooks, &Value::Null)?.unwrap_or_else(|| json!({}));
    let name = name.unwrap_or_else(made_up);
    if name.is_server() {
        return Err(Problem::wrong_field("name", "'server' is a word of the API; choose another name"));
    }
    let change = webhooks.prepare(&name, &config).await?;
    registry.create(name.clone(), config, start.unwrap_or(true)).await?;
    drop(change);
    let made = Extension(Made(format!("session={name}")));
    Ok((StatusCode::CREATED, made, Json(info(&registry, &name, &facts).await?)))
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
