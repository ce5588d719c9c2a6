//! The OpenAPI document: made of the same handlers that the router is made of, so that one cannot have what the other has not.
//!
//! Each handler carries `#[utoipa::path]` with what is its own: path, parameters, body, the answer when all goes well, and
//! the errors that only it has. What every operation has in common (the key, the limits, the usual errors) is added here.
//! `docs/openapi.json` is a copy for those who have no drover at hand; a test compares it.

mod parameters;
mod refusals;
mod serve;

use std::sync::LazyLock;

use utoipa::{
    OpenApi,
    openapi::{
        Components,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use parameters::{AnySession, EventFilter, LastEventId, ListLimit, NamedSession, PageOfList, Person, Wait};
pub(super) use refusals::{Conflict, NotBuilt, PageDegraded, PageTimeout, StorageFull};

use super::state::Parts;

/// The name of the security scheme.
const KEY: &str = "key";

/// What stands at the top of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "drover",
        description = "Keeps WhatsApp Web sessions alive and sends what backends queue. Compatible with WAHA where WAHA has \
            a word for it: paths, fields, states, events and the header `X-Api-Key`.\n\n\
            Fields of a request that are not known are ignored. Every error is `application/problem+json` (RFC 9457) with \
            `code`, `requestId` and `fields`, and WAHA's `statusCode` and `message`. `X-Request-Id` is taken over, or made. \
            A path that lacks a method answers 405 with `Allow`; an operation of WAHA's that drover lacks answers 501.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "sessions", description = "Made, looked at, changed, started, stopped and removed"),
        (name = "linking", description = "Linking a phone: the QR, the code to type, and the page as a picture"),
        (name = "messages", description = "Handed in, looked at, taken back"),
        (name = "queue", description = "What waits, what was given up, and the limits in force"),
        (name = "chats", description = "Chats and presences"),
        (name = "contacts", description = "People, and whether a number has WhatsApp"),
        (name = "files", description = "Files that came in, and those that are to be sent"),
        (name = "events", description = "What happened: as a stream or a list"),
        (name = "webhooks", description = "How the webhooks of sessions stand; they are set in a session's `config`"),
        (name = "keys", description = "Who may do what, and who did what"),
        (name = "server", description = "The server itself"),
        (name = "not implemented", description = "Operations of WAHA that drover does not have: they answer 501"),
    ),
)]
struct Top;

/// The whole document, as it is served.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let document = super::described_routes().into_openapi();
    let json = finish(document).to_pretty_json().expect("what utoipa made can be written");
    format!("{json}\n")
});

/// A router that describes what is added to it.
pub(super) fn router() -> OpenApiRouter<Parts> {
    OpenApiRouter::with_openapi(Top::openapi())
}

/// The document itself, and a page that shows it.
pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new()
        .routes(routes!(serve::document))
        .routes(routes!(serve::page))
        .routes(routes!(serve::index))
        .routes(routes!(serve::asset))
}

/// Adds what all operations have in common.
fn finish(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let header = ApiKeyValue::with_description("X-Api-Key", "The admin key, or one of `POST /api/keys`.");
    let scheme = SecurityScheme::ApiKey(ApiKey::Header(header));
    components.security_schemes.insert(KEY.to_owned(), scheme.into());
    refusals::add_schemas(components);
    // axum's rest of a path (`{*file}`) is a parameter like any other here.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in parameters::operations(item) {
            refusals::complete(path, method, operation, components);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::{collections::BTreeSet, fs, path::Path};

    fn document() -> Value {
        serde_json::from_str(&DOCUMENT).expect("it is JSON")
    }

    /// Every operation: method, path, and what the document says of it.
    fn operations(document: &Value) -> Vec<(String, String, &Value)> {
        let paths = document["paths"].as_object().expect("paths");
        let methods = ["get", "post", "put", "delete", "patch", "head", "options"];
        let of_path = |(path, item): (&String, &'_ Value)| {
            let item = item.as_object().expect("an object").clone();
            let found: Vec<_> = item.keys().filter(|key| methods.contains(&key.as_str())).cloned().collect();
            found.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
        };
        let all: Vec<_> = paths.iter().flat_map(of_path).collect();
        all.into_iter()
            .map(|(method, path)| {
                let operation = &document["paths"][&path][&method];
                (method, path, operation)
            })
            .collect()
    }

    /// `make openapi` sets `WRITE_OPENAPI` and so brings the copy up to date.
    #[test]
    fn the_copy_in_docs_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        if std::env::var_os("WRITE_OPENAPI").is_some() {
            fs::write(&path, DOCUMENT.as_bytes()).expect("docs/openapi.json can be written");
        }
        let copy = fs::read_to_string(&path).unwrap_or_default();
        assert!(copy == *DOCUMENT, "docs/openapi.json is not what the code says: run `make openapi` and commit it");
    }

    #[test]
    fn every_operation_says_what_it_does_and_how_it_fails() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let mut ids = BTreeSet::new();
        for (method, path, operation) in operations(&document) {
            let what = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what} says nothing");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{what} has one tag");
            assert!(ids.insert(operation["operationId"].to_string()), "{what}: {} twice", operation["operationId"]);
            let responses = operation["responses"].as_object().expect("responses");
            let succeeds = responses.keys().any(|status| status.starts_with('2') || status == "101" || status == "303");
            assert_eq!(succeeds, !responses.contains_key("501"), "{what}: {:?}", responses.keys());
            let is_open = operation["security"] == serde_json::json!([{}]);
            assert_eq!(is_open, !responses.contains_key("401"), "{what}");
        }
        assert!(ids.len() > 70, "{}", ids.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        found.insert(reference.clone());
                    }
                    members.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a reference into the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    /// A field that a struct hides from serde is hidden from the document, too, whatever else is said of it.
    #[test]
    fn no_example_has_what_is_not_described() {
        fn properties(document: &Value, schema: &Value) -> BTreeSet<String> {
            let referred = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
            let own = schema["properties"].as_object().into_iter().flat_map(|members| members.keys().cloned());
            let parts = schema["allOf"].as_array().into_iter().flatten().chain(referred);
            own.chain(parts.flat_map(|part| properties(document, part))).collect()
        }
        fn look(document: &Value, value: &Value, seen: &mut usize) {
            if let (Some(example), true) =
                (value["example"].as_object(), value["type"] == "object" || value.get("allOf").is_some())
            {
                let described = properties(document, value);
                // A schema without any is one of what WhatsApp Web says.
                let missing: Vec<_> = example.keys().filter(|name| !described.contains(*name)).collect();
                assert!(described.is_empty() || missing.is_empty(), "{missing:?} of an example: {value:#}");
                *seen += 1;
            }
            match value {
                Value::Object(members) => members.values().for_each(|value| look(document, value, seen)),
                Value::Array(items) => items.iter().for_each(|value| look(document, value, seen)),
                _ => {}
            }
        }
        let (document, mut seen) = (document(), 0);
        look(&document, &document, &mut seen);
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn kinds_of_events_are_described_as_they_are_told() {
        let told = serde_json::json!(crate::model::EventKind::ALL);
        assert_eq!(document()["components"]["schemas"]["EventKind"]["enum"], told);
    }

    /// The router has nothing that the document has not: routes are added by `routes!`, which adds to both, and nowhere by
    /// axum's own `route`.
    #[test]
    fn no_route_is_added_past_the_document() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api")];
        let mut described = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                // One answers before there is an API, the other speaks to people.
                if ["doorman.rs", "dashboard.rs", "dashboard"].iter().any(|past| path.ends_with(past)) {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).expect("a source file");
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                described += text.matches("#[utoipa::path(").count();
                for past in [".route(", ".route_service(", ".nest(", ".nest_service("] {
                    assert!(!text.contains(past), "{} adds a route by {past}: use routes!", path.display());
                }
            }
        }
        let document = document();
        let built =
            operations(&document).iter().filter(|(_, _, operation)| operation["responses"]["501"].is_null()).count();
        assert_eq!(described, built, "a handler with #[utoipa::path] is in no router");
    }
}
