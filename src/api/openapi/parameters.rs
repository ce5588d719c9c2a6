//! What several operations take: parts of the path and parameters of the query, described.

use utoipa::{
    IntoParams,
    openapi::{
        HttpMethod, Object, ObjectBuilder, PathItem, Required, Type,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    },
};

use crate::api::input::{PathChat, PathFile, PathKey, PathLid, PathMessage, PathPhone, PathSession};

/// The methods of a path with what the document says of each.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [
        (HttpMethod::Get, get.as_mut()),
        (HttpMethod::Put, put.as_mut()),
        (HttpMethod::Post, post.as_mut()),
        (HttpMethod::Delete, delete.as_mut()),
        (HttpMethod::Patch, patch.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?)))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A session's name.
fn session_name() -> ObjectBuilder {
    text().pattern(Some("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")).examples(["main"])
}

fn number(lowest: i32, highest: Option<i32>, usual: i32) -> Object {
    let builder = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(lowest)).default(Some(usual.into()));
    builder.maximum(highest).build()
}

fn parameter(place: ParameterIn, name: &str, description: &str, schema: Object) -> Parameter {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    let builder = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    builder.description(Some(description)).schema(Some(schema)).build()
}

/// A parameter of the query that must be there.
fn required(name: &str, description: &str, schema: Object) -> Parameter {
    let mut named = parameter(ParameterIn::Query, name, description, schema);
    named.required = Required::True;
    named
}

macro_rules! described {
    ($($(#[$doc:meta])* $what:ty => [$($parameter:expr),+ $(,)?];)*) => {
        $($(#[$doc])* impl IntoParams for $what {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![$($parameter),+]
            }
        })*
    };
}

/// `?session=`, which must be there.
pub(in crate::api) enum NamedSession {}
/// `?session=`, for one session instead of all.
pub(in crate::api) enum AnySession {}
/// `?limit=` of a list of the newest.
pub(in crate::api) enum ListLimit {}
/// `?limit=&offset=` of a list in pages.
pub(in crate::api) enum PageOfList {}
/// `?wait=` and `Idempotency-Key` of a send.
pub(in crate::api) enum Wait {}
/// `?session=&events=` of streams and lists of events.
pub(in crate::api) enum EventFilter {}
/// The last event that the caller has.
pub(in crate::api) enum LastEventId {}
/// `?contactId=` and the session that is asked.
pub(in crate::api) enum Person {}

described! {
    PathSession => [parameter(ParameterIn::Path, "session", "The session's name", session_name().build())];
    PathChat => [parameter(
        ParameterIn::Path,
        "chatId",
        "A chat: `<digits>@c.us`, `@g.us`, `@lid`, or a bare number",
        text().examples(["15551234567@c.us"]).build(),
    )];
    PathMessage => [parameter(
        ParameterIn::Path,
        "id",
        "An id in any form of it",
        text().examples(["true_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9"]).build(),
    )];
    PathLid => [parameter(
        ParameterIn::Path,
        "lid",
        "A hidden number, with or without `@lid`",
        text().examples(["123456789012345@lid"]).build(),
    )];
    PathPhone => [parameter(
        ParameterIn::Path,
        "phoneNumber",
        "A number with its country code, with or without `@c.us`",
        text().examples(["15551234567"]).build(),
    )];
    PathFile => [parameter(ParameterIn::Path, "file", "The file's name", text().build())];
    PathKey => [parameter(ParameterIn::Path, "key", "The key's id", text().examples(["key_0123456789abcdef"]).build())];
    NamedSession => [required("session", "The session's name", session_name().build())];
    AnySession => [parameter(ParameterIn::Query, "session", "Only this session; without it all", session_name().build())];
    ListLimit => [parameter(ParameterIn::Query, "limit", "How many at most", number(1, Some(1000), 100))];
    PageOfList => [
        parameter(
            ParameterIn::Query,
            "limit",
            "How many at most; without it 10 messages, 20 lines of an overview, or 500 chats",
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(500)).build(),
        ),
        parameter(ParameterIn::Query, "offset", "How many are left out before them", number(0, None, 0)),
    ];
    Wait => [
        parameter(
            ParameterIn::Query,
            "wait",
            "Holds the answer until the server (`server`) or a device of the recipient (`device`) acknowledged it, it was \
             given up, or http.wait_timeout_s have passed",
            text().enum_values(Some(["server", "device"])).build(),
        ),
        parameter(
            ParameterIn::Header,
            "Idempotency-Key",
            "The same key with the same request answers the same message; with another request 409",
            text().min_length(Some(1)).max_length(Some(255)).build(),
        ),
    ];
    EventFilter => [
        parameter(
            ParameterIn::Query,
            "session",
            "Only this session; without it, or with `*`, all",
            text().examples(["main"]).build(),
        ),
        parameter(
            ParameterIn::Query,
            "events",
            "Names of events, separated by commas; without it, or with `*`, all",
            text().examples(["message,session.status"]).build(),
        ),
    ];
    LastEventId => [
        parameter(
            ParameterIn::Header,
            "Last-Event-ID",
            "The id or number of the last event that the caller has: what came after it follows",
            text().examples(["evt_00000000000000000042"]).build(),
        ),
        parameter(ParameterIn::Query, "lastEventId", "The same, for who cannot set headers", text().build()),
    ];
    Person => [
        required("contactId", "Whom: a chat's id, or a number", text().examples(["15551234567@c.us"]).build()),
        required("session", "The session's name", session_name().build()),
    ];
}
