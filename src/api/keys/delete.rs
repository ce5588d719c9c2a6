//! `DELETE /api/keys/{key}`

use axum::extract::State;

use super::{changeable, unknown};
use crate::{
    api::{auth::Principal, input::PathKey, problem::Answer},
    store::Store,
};

/// Takes a key back: it opens nothing any more.
#[utoipa::path(
    delete, path = "/api/keys/{key}", tag = "keys", params(PathKey),
    responses((status = 200, description = "It opens nothing any more")),
)]
pub(super) async fn delete(State(store): State<Store>, principal: Principal, PathKey(id): PathKey) -> Answer<()> {
    principal.require_admin()?;
    if store.api_keys().delete(changeable(&id)?).await? { Ok(()) } else { Err(unknown()) }
}
