//! Contacts.

mod check_exists;
mod lids;
mod person;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(check_exists::check_exists))
        .routes(routes!(person::contact))
        .routes(routes!(person::about))
        .routes(routes!(person::picture))
        .routes(routes!(lids::number))
        .routes(routes!(lids::lid))
}
