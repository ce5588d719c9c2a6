//! Contacts.

mod check_exists;
mod person;

use axum::{Router, routing::get};

use super::state::Parts;

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/api/contacts/check-exists", get(check_exists::check_exists))
        .route("/api/contacts", get(person::contact))
        .route("/api/contacts/about", get(person::about))
        .route("/api/contacts/profile-picture", get(person::picture))
}
