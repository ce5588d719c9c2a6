//! WAHA's operations, and those of our own, that drover does not have: 501 with what it is, never 404, so that a client
//! knows that it asked for the right thing.

use axum::{Router, routing::any};

use super::{problem::Problem, state::Parts};

/// Paths, and what they stand for.
const NOT_BUILT: &[(&str, &str)] = &[
    ("/api/sendPollVote", "polls"),
    ("/api/sendEvent", "events as messages"),
    ("/api/sendButtons", "buttons"),
    ("/api/send/buttons/reply", "buttons"),
    ("/api/sendList", "lists"),
    ("/api/sendLinkPreview", "link previews of their own"),
    ("/api/send/link-custom-preview", "link previews of their own"),
    ("/api/star", "stars"),
    ("/api/{session}/chats/{chatId}", "removal of chats"),
    ("/api/{session}/chats/{chatId}/messages/{id}/pin", "pinned messages"),
    ("/api/{session}/chats/{chatId}/messages/{id}/unpin", "pinned messages"),
    ("/api/{session}/chats/{chatId}/archive", "archived chats"),
    ("/api/{session}/chats/{chatId}/unarchive", "archived chats"),
    ("/api/{session}/chats/{chatId}/unread", "marking chats as unread"),
    ("/api/contacts/all", "contacts"),
    ("/api/contacts/block", "contacts"),
    ("/api/contacts/unblock", "contacts"),
    ("/api/{session}/contacts/{*rest}", "contacts"),
    ("/api/{session}/groups", "groups"),
    ("/api/{session}/groups/{*rest}", "groups"),
    ("/api/{session}/channels", "channels"),
    ("/api/{session}/channels/{*rest}", "channels"),
    ("/api/{session}/status/{*rest}", "status messages"),
    ("/api/{session}/labels", "labels"),
    ("/api/{session}/labels/{*rest}", "labels"),
    ("/api/{session}/lids", "lids"),
    ("/api/{session}/lids/{*rest}", "lids"),
    ("/api/{session}/calls/{*rest}", "calls"),
    ("/api/{session}/profile", "profile changes"),
    ("/api/{session}/profile/{*rest}", "profile changes"),
    ("/api/{session}/media/{*rest}", "media conversion"),
    ("/api/{session}/events", "events as messages"),
    ("/api/{session}/events/{*rest}", "events as messages"),
    ("/api/{session}/passkeys", "passkeys"),
    ("/api/{session}/passkeys/{*rest}", "passkeys"),
    ("/api/{session}/mcp", "mcp"),
    ("/api/{session}/mcp/{*rest}", "mcp"),
    ("/api/apps", "apps"),
    ("/api/apps/{*rest}", "apps"),
    ("/api/memory", "memory figures"),
    ("/api/server/stop", "stopping over the API"),
    ("/api/server/debug/{*rest}", "debugging over the API"),
    ("/mcp", "mcp"),
    ("/docs", "interactive documentation"),
    ("/openapi.json", "an OpenAPI document"),
];

pub(super) fn routes() -> Router<Parts> {
    NOT_BUILT
        .iter()
        .fold(Router::new(), |router, (path, what)| router.route(path, any(async move || Problem::not_built(what))))
}
