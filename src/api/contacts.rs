//! Contacts.

mod check_exists;

use axum::{Router, routing::get};

use super::state::Parts;

pub(super) fn routes() -> Router<Parts> {
    Router::new().route("/api/contacts/check-exists", get(check_exists::check_exists))
}
