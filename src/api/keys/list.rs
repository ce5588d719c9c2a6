//! `GET /api/keys`

use axum::{Json, extract::State};

use super::scope::{self, ShownKey};
use crate::{
    api::{auth::Principal, problem::Answer},
    store::Store,
};

/// Every key, the oldest first, without the keys themselves.
#[utoipa::path(
    get, path = "/api/keys", tag = "keys",
    responses((status = 200, description = "The keys", body = [ShownKey])),
)]
pub(super) async fn list(State(store): State<Store>, principal: Principal) -> Answer<Json<Vec<ShownKey>>> {
    principal.require_admin()?;
    Ok(Json(store.api_keys().list().await?.iter().map(scope::show).collect()))
}
