//! `GET /api/webhooks?session=`

use axum::{Json, extract::State};

use super::{asked_session, may_change};
use crate::{
    api::{
        auth::Principal,
        input::Params,
        openapi::AnySession,
        problem::Answer,
        wire::{self, Webhook},
    },
    session::Registry,
    webhook::Webhooks,
};

/// The webhooks of one session or of all: where they lead, how far they are, and whether they rest.
#[utoipa::path(
    get, path = "/api/webhooks", tag = "webhooks", params(AnySession),
    responses((status = 200, description = "The webhooks", body = [Webhook])),
)]
pub(super) async fn list(
    State(registry): State<Registry>,
    State(webhooks): State<Webhooks>,
    principal: Principal,
    params: Params,
) -> Answer<Json<Vec<Webhook>>> {
    let session = asked_session(&registry, &principal, &params)?;
    let views = webhooks.list(session.as_ref()).await?;
    Ok(Json(views.iter().map(|view| wire::webhook(view, may_change(&principal, view))).collect()))
}
