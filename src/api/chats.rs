//! Chats: which there are, what is in them, who is there.

mod described;
mod list;
mod message;
mod messages;
mod presence;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(list::chats))
        .routes(routes!(list::overview))
        .routes(routes!(list::picture))
        .routes(routes!(messages::messages))
        .routes(routes!(messages::by_query))
        .routes(routes!(message::message))
        .routes(routes!(presence::set))
        .routes(routes!(presence::get))
        .routes(routes!(presence::subscribe))
}
