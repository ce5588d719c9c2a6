//! How operations fail: the errors that all have in common, under names that each refers to.

use utoipa::{
    PartialSchema, ToResponse, ToSchema,
    openapi::{
        Components, Content, ContentBuilder, HeaderBuilder, HttpMethod, ObjectBuilder, Ref, RefOr, Response,
        ResponseBuilder, Schema, Type,
        path::{Operation, Parameter, ParameterIn},
        request_body::RequestBody,
        security::SecurityRequirement,
    },
};

use super::KEY;
use crate::api::problem;

/// The media type of every error.
const PROBLEM_JSON: &str = "application/problem+json";

/// Every kind of refusal: its name, and what it says.
const REFUSALS: &[(&str, &str)] = &[
    ("BadRequest", "The request cannot be understood: its body broke off"),
    ("Unauthorized", "The key is missing, wrong or revoked"),
    ("Forbidden", "The key may not do that: it is for another session, or lacks the action"),
    ("NotFound", "There is no such session, message, chat, file or key"),
    ("TooSlowBody", "Nothing of the body came for too long"),
    (
        "Conflict",
        "The same Idempotency-Key with another request, or the same text to the same chat within a short time",
    ),
    ("BodyTooLarge", "The body is longer than http.body_limit_bytes allows"),
    ("UnsupportedType", "The body is not called JSON, or is packed or written in a way that is not read"),
    ("Invalid", "A field is wrong (`fields` says which), or the session is not in a state in which that can be done"),
    ("TooManyRequests", "Too many requests; `Retry-After` says when the next one fits"),
    ("Internal", "Something failed inside drover; its log tells what, under `requestId`"),
    ("NotBuilt", "drover does not have this operation of WAHA"),
    ("PageDegraded", "WhatsApp Web changed, and the bridge lacks this capability until it is brought up to date"),
    ("Unavailable", "The database, Redis or the session's page does not answer, drover is ending, or it took too long"),
    ("PageTimeout", "The session's page did not answer in time"),
    ("StorageFull", "The disk of the data folder is full; nothing was kept"),
];

macro_rules! responses {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $($(#[$doc])* pub(in crate::api) enum $name {}

        impl<'r> ToResponse<'r> for $name {
            fn response() -> (&'r str, RefOr<Response>) {
                (stringify!($name), reference(stringify!($name)))
            }
        })*
    };
}

responses! {
    /// 409
    Conflict,
    /// 501
    NotBuilt,
    /// 502
    PageDegraded,
    /// 504
    PageTimeout,
    /// 507
    StorageFull,
}

fn reference(name: &str) -> RefOr<Response> {
    Ref::from_response_name(name).into()
}

/// Adds the refusals, and the problem that they all are.
pub(super) fn add_schemas(components: &mut Components) {
    components.schemas.insert("Problem".to_owned(), problem::Body::schema());
    let mut parts = Vec::new();
    problem::Body::schemas(&mut parts);
    components.schemas.extend(parts);
    for (name, description) in REFUSALS {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let mut response = ResponseBuilder::new().description(*description).content(PROBLEM_JSON, content);
        if *name == "TooManyRequests" {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer);
            let header =
                HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds until the next one fits"));
            response = response.header("Retry-After", header.build());
            for (name, says) in [
                ("RateLimit-Policy", "Of a key's limit: its name, how many requests (`q`) in how many seconds (`w`)"),
                (
                    "RateLimit",
                    "Of a key's limit: how many are left (`r`), and in how many seconds it is whole again (`t`)",
                ),
            ] {
                let text = ObjectBuilder::new().schema_type(Type::String);
                response =
                    response.header(name, HeaderBuilder::new().schema(Some(text)).description(Some(says)).build());
            }
        }
        components.responses.insert((*name).to_owned(), response.build().into());
    }
}

/// Adds the key, and the errors that follow from what an operation takes.
pub(super) fn complete(path: &str, method: HttpMethod, operation: &mut Operation, components: &Components) {
    operation.operation_id = Some(operation_id(path, &method));
    let is_open = operation.security.is_some();
    if !is_open {
        operation.security = Some(vec![SecurityRequirement::new(KEY, Vec::<String>::new())]);
    }
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let names_something = parameters
        .iter()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .any(|Parameter { parameter_in, name, .. }| {
            matches!(parameter_in, ParameterIn::Path) || matches!(name.as_str(), "session" | "confirm")
        });
    let names_something =
        names_something || matches!(&operation.request_body, Some(RefOr::T(body)) if names_session(body, components));
    let takes_something = !parameters.is_empty() || operation.request_body.is_some();
    let responses = &mut operation.responses.responses;
    let is_built = !responses.contains_key("501");
    let mut add = |is_possible: bool, status: &str, name: &str| {
        if is_possible {
            responses.entry(status.to_owned()).or_insert_with(|| reference(name));
        }
    };
    add(!is_open, "401", "Unauthorized");
    add(!is_open, "429", "TooManyRequests");
    add(!is_open && is_built, "403", "Forbidden");
    add(is_built && names_something, "404", "NotFound");
    add(is_built && takes_something, "422", "Invalid");
    for (status, name) in [("400", "BadRequest"), ("408", "TooSlowBody"), ("413", "BodyTooLarge")] {
        add(is_built && operation.request_body.is_some(), status, name);
    }
    let takes_json =
        matches!(&operation.request_body, Some(RefOr::T(body)) if body.content.contains_key("application/json"));
    add(is_built && takes_json, "415", "UnsupportedType");
    add(is_built, "500", "Internal");
    add(!is_open || is_built, "503", "Unavailable");
}

/// Whether a body has to say which session it is about.
fn names_session(body: &RequestBody, components: &Components) -> bool {
    let schema = |content: &RefOr<Content>| match content {
        RefOr::T(content) => content.schema.as_ref().is_some_and(|schema| requires_session(schema, components)),
        RefOr::Ref(_) => false,
    };
    body.content.values().any(schema)
}

fn requires_session(schema: &RefOr<Schema>, components: &Components) -> bool {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
            components.schemas.get(name).is_some_and(|schema| requires_session(schema, components))
        }
        RefOr::T(Schema::Object(object)) => object.required.iter().any(|name| name == "session"),
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter().any(|part| requires_session(part, components)),
        RefOr::T(_) => false,
    }
}

/// One name for each operation: its method, then its path in words.
fn operation_id(path: &str, method: &HttpMethod) -> String {
    let method = match method {
        HttpMethod::Get => "get",
        HttpMethod::Put => "put",
        HttpMethod::Post => "post",
        HttpMethod::Delete => "delete",
        _ => "patch",
    };
    let words = path.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    // `/docs` and `/docs/` are two paths.
    let index = path.ends_with('/').then_some("index");
    words.chain(index).fold(method.to_owned(), |id, word| format!("{id}_{word}"))
}
