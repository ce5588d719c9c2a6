//! WAHA's operations that drover does not have: 501 with what it is, never 404, so that a client knows that it asked for the
//! right thing. They stand in the document as such. A path with a rest (`{*rest}`) stands for all that WAHA has below it.

use utoipa::ToResponse;
use utoipa::openapi::{
    HttpMethod::{self, Delete, Get, Post, Put},
    Object, RefOr, Required, Schema,
    path::{OperationBuilder, ParameterBuilder, ParameterIn, Paths},
    response::ResponsesBuilder,
    schema::{ObjectBuilder, Type},
};
use utoipa_axum::{PathItemExt, router::OpenApiRouter};

use super::{openapi::NotBuilt, problem::Problem, state::Parts};

/// Paths, the methods that WAHA has there, and what they are.
const NOT_BUILT: &[(&str, &[HttpMethod], &str)] = &[
    ("/api/sendPollVote", &[Post], "polls' votes of our own"),
    ("/api/sendEvent", &[Post], "events as messages"),
    ("/api/sendButtons", &[Post], "buttons"),
    ("/api/send/buttons/reply", &[Post], "buttons"),
    ("/api/sendList", &[Post], "lists"),
    ("/api/sendLinkPreview", &[Post], "link previews of their own"),
    ("/api/send/link-custom-preview", &[Post], "link previews of their own"),
    ("/api/star", &[Put], "stars"),
    ("/api/sendText", &[Get], "sends by GET; POST /api/sendText"),
    ("/api/reply", &[Post], "replies of their own; POST /api/sendText with reply_to"),
    ("/api/checkNumberStatus", &[Get], "this old name; GET /api/contacts/check-exists"),
    ("/api/sessions/start", &[Post], "this old name; POST /api/sessions/{session}/start"),
    ("/api/sessions/stop", &[Post], "this old name; POST /api/sessions/{session}/stop"),
    ("/api/sessions/logout", &[Post], "this old name; POST /api/sessions/{session}/logout"),
    ("/api/keys/media", &[Post], "keys for media alone; make one with the action read"),
    ("/api/keys/control", &[Post], "keys for control alone; make one with the action control"),
    ("/api/sessions/{session}/capping", &[Get], "caps of sessions; GET /api/{session}/queue has its limits"),
    ("/api/sessions/{session}/timelock", &[Get], "time locks"),
    ("/api/{session}/auth/passkey", &[Post], "passkeys"),
    ("/api/{session}/auth/passkey/{*rest}", &[Get, Post], "passkeys"),
    ("/api/{session}/chats/overview", &[Post], "overviews of some chats; GET has them all"),
    ("/api/{session}/chats/{chatId}", &[Delete], "removal of chats"),
    ("/api/{session}/chats/{chatId}/messages", &[Delete], "removal of all messages"),
    ("/api/{session}/chats/{chatId}/messages/read", &[Post], "this path; POST /api/sendSeen"),
    ("/api/{session}/chats/{chatId}/messages/{id}/pin", &[Post], "pinned messages"),
    ("/api/{session}/chats/{chatId}/messages/{id}/unpin", &[Post], "pinned messages"),
    ("/api/{session}/chats/{chatId}/archive", &[Post], "archived chats"),
    ("/api/{session}/chats/{chatId}/unarchive", &[Post], "archived chats"),
    ("/api/{session}/chats/{chatId}/unread", &[Post], "marking chats as unread"),
    ("/api/contacts/all", &[Get], "lists of contacts"),
    ("/api/contacts/block", &[Post], "blocking"),
    ("/api/contacts/unblock", &[Post], "blocking"),
    ("/api/{session}/contacts/{id}", &[Get, Put], "contacts by their path; GET /api/contacts has one"),
    ("/api/{session}/presence", &[Get], "presences on demand; subscribe to one and hear presence.update"),
    ("/api/{session}/groups", &[Get, Post], "groups"),
    ("/api/{session}/groups/{*rest}", &[Get, Post, Put, Delete], "groups"),
    ("/api/{session}/channels", &[Get, Post], "channels"),
    ("/api/{session}/channels/{*rest}", &[Get, Post, Delete], "channels"),
    ("/api/{session}/status/{*rest}", &[Get, Post], "status messages"),
    ("/api/{session}/labels", &[Get, Post], "labels"),
    ("/api/{session}/labels/{*rest}", &[Get, Put, Delete], "labels"),
    ("/api/{session}/lids", &[Get], "lists of lids; GET /api/{session}/lids/{lid} has one"),
    ("/api/{session}/lids/count", &[Get], "lists of lids; GET /api/{session}/lids/{lid} has one"),
    ("/api/{session}/calls/{*rest}", &[Post], "calls"),
    ("/api/{session}/profile", &[Get], "profiles; GET /api/sessions/{session}/me has the account"),
    ("/api/{session}/profile/{*rest}", &[Put, Delete], "profile changes"),
    ("/api/{session}/media/{*rest}", &[Post], "media conversion"),
    ("/api/{session}/events", &[Post], "events as messages"),
    ("/api/apps", &[Get, Post], "apps"),
    ("/api/apps/{*rest}", &[Get, Post, Put, Delete], "apps"),
    ("/api/server/environment", &[Get], "the environment of its process; GET /api/version tells what it is"),
    ("/api/server/stop", &[Post], "stopping over the API"),
    ("/api/server/debug/{*rest}", &[Get], "debugging over the API"),
    ("/mcp", &[Get, Post, Delete], "mcp"),
];

pub(super) fn routes() -> OpenApiRouter<Parts> {
    NOT_BUILT.iter().fold(OpenApiRouter::new(), |router, (path, methods, what)| {
        let answers = methods.iter().fold(axum::routing::MethodRouter::new(), |answers, method| {
            answers.on(method.to_method_filter(), async move || Problem::not_built(what))
        });
        let mut paths = Paths::new();
        for method in *methods {
            paths.add_path_operation(path, vec![method.clone()], operation(path, what));
        }
        let schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
        router.routes((schemas, paths, answers))
    })
}

fn operation(path: &str, what: &str) -> utoipa::openapi::path::Operation {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let text: Object = ObjectBuilder::new().schema_type(Type::String).build();
        let name = name.trim_start_matches('*');
        let builder = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        builder.schema(Some(text)).build()
    };
    let parameters: Vec<_> = names.map(parameter).collect();
    let (_, refused) = NotBuilt::response();
    OperationBuilder::new()
        .tag("not implemented")
        .summary(Some(format!("drover does not have {what} yet")))
        .parameters((!parameters.is_empty()).then_some(parameters))
        .responses(ResponsesBuilder::new().response("501", refused).build())
        .build()
}
