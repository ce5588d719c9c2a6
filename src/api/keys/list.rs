//! `GET /api/keys`

use axum::{Json, extract::State};
use serde_json::Value;

use super::scope;
use crate::{
    api::{auth::Principal, problem::Answer},
    store::Store,
};

/// Every key, the oldest first, without the keys themselves.
pub(super) async fn list(State(store): State<Store>, principal: Principal) -> Answer<Json<Vec<Value>>> {
    principal.require_admin()?;
    Ok(Json(store.api_keys().list().await?.iter().map(scope::show).collect()))
}
