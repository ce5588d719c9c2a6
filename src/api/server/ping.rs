//! `GET /ping`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Pong {
    #[schema(example = "pong")]
    message: &'static str,
}

/// Answers, and no more.
#[utoipa::path(
    get, path = "/ping", tag = "server", security(()),
    responses((status = 200, description = "It answers", body = Pong)),
)]
pub(in crate::api) async fn ping() -> Json<Pong> {
    Json(Pong { message: "pong" })
}
