//! `GET /metrics`

use axum::{extract::State, http::header::CONTENT_TYPE, response::IntoResponse};

use crate::{
    api::{
        auth::{Action, Principal},
        problem::Answer,
    },
    telemetry::Metrics,
};

/// Prometheus' text format, version 0.0.4. Needs a key that may read every session, since the numbers speak of all of them.
pub(super) async fn metrics(principal: Principal, State(metrics): State<Metrics>) -> Answer<impl IntoResponse> {
    principal.require_on_all(Action::Read)?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()))
}
