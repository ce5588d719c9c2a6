//! `PUT /api/keys/{key}`

use axum::{Json, extract::State};

use super::{
    changeable,
    scope::{self, ShownKey, Wanted},
    unknown,
};
use crate::{
    api::{
        auth::Principal,
        input::{Body, PathKey},
        problem::Answer,
    },
    store::Store,
};

/// Changes what a key opens.
#[utoipa::path(
    put, path = "/api/keys/{key}", tag = "keys", params(PathKey), request_body = Wanted,
    responses((status = 200, description = "It was changed", body = ShownKey)),
)]
pub(super) async fn update(
    State(store): State<Store>,
    principal: Principal,
    PathKey(id): PathKey,
    body: Body,
) -> Answer<Json<ShownKey>> {
    principal.require_admin()?;
    let mut key = store.api_keys().get(changeable(&id)?).await?.ok_or_else(unknown)?;
    scope::lay_over(&body, &mut key)?;
    if !store.api_keys().update(&key).await? {
        return Err(unknown());
    }
    Ok(Json(scope::show(&key)))
}
