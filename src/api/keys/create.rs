//! `POST /api/keys`

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use rand::RngExt;

use super::{
    form,
    scope::{self, NewKey, Wanted},
};
use crate::{
    api::{
        audit::Made,
        auth::Principal,
        input::Body,
        problem::{Answer, Problem},
    },
    clock::Clock,
    store::{ApiKeyRecord, Store},
};

/// Makes a key. It is shown in this answer and never again.
#[utoipa::path(
    post, path = "/api/keys", tag = "keys", request_body = Wanted,
    responses((status = 201, description = "The key; it is shown here and never again", body = NewKey)),
)]
pub(super) async fn create(
    State(store): State<Store>,
    State(clock): State<Arc<dyn Clock>>,
    principal: Principal,
    body: Body,
) -> Answer<(StatusCode, Extension<Made>, Json<NewKey>)> {
    principal.require_admin()?;
    let key = form::make();
    let mut record = ApiKeyRecord {
        id: make_id(),
        hash: form::hash(key.as_bytes()),
        is_admin: false,
        session: None,
        actions: Vec::new(),
        is_active: true,
        created_at_ms: clock.now_ms(),
    };
    scope::lay_over(&body, &mut record)?;
    if !store.api_keys().insert(&record).await? {
        return Err(Problem::internal("two random keys are the same"));
    }
    let made = Extension(Made(format!("key={}", record.id)));
    Ok((StatusCode::CREATED, made, Json(NewKey { shown: scope::show(&record), key })))
}

fn make_id() -> String {
    let bytes: [u8; 8] = rand::rng().random();
    bytes.iter().fold("key_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}
