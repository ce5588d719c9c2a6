//! The document and the router are one: every operation of `/openapi.json` is there, and what is there without standing in it is
//! refused; each asks for a key, keeps foreign keys out, and lets nobody write who may only read.

use std::collections::BTreeSet;

use crate::support::{Client, Home};
use serde_json::{Value, json};

/// The methods that a path may have.
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// What reads although it is no GET: nothing does.
const WRITES: [&str; 4] = ["post", "put", "delete", "patch"];

#[derive(Default)]
struct Operation {
    method: String,
    path: String,
    is_open: bool,
    is_built: bool,
    /// The statuses that the document has for it.
    statuses: BTreeSet<String>,
    has_body: bool,
}

impl Operation {
    /// The path with something at each of its places: the session, and what does not exist.
    fn filled(&self, session: &str) -> String {
        let parts = self.path.split('/').map(|part| match part {
            "{session}" => session,
            "{chatId}" => "15551234567@c.us",
            "{lid}" => "123456789012345@lid",
            "{phoneNumber}" => "15551234567",
            "{id}" => "true_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9",
            "{key}" => "key_0123456789abcdef",
            "{file}" if self.path.starts_with("/docs") => "index.html",
            part if part.starts_with('{') => "nothing",
            part => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let query =
            format!("session={session}&chatId=15551234567&contactId=15551234567&phone=15551234567&confirm={session}");
        // A stream never ends.
        let list = if self.path == "/api/events" { "&limit=1" } else { "" };
        format!("{path}?{query}{list}")
    }

    fn ask(&self, client: &Client) -> (u16, Value) {
        self.ask_of(client, "shop")
    }

    fn ask_of(&self, client: &Client, session: &str) -> (u16, Value) {
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        let body = json!({
            "session": session, "chatId": "15551234567", "text": "hello", "messageId": "true_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9",
            "reaction": "", "latitude": 1.0, "longitude": 1.0, "contacts": [{ "vcard": "BEGIN:VCARD\nEND:VCARD" }],
            "poll": { "name": "a", "options": ["b", "c"] }, "file": { "url": "https://example.org/a.png" },
            "presence": "offline", "phoneNumber": "15551234567", "config": {}, "name": "fresh", "start": false,
        });
        let body = body.to_string();
        let body = WRITES.contains(&self.method.as_str()).then_some(body.as_str());
        let reply = client.request(&self.method.to_uppercase(), &self.filled(session), &headers, body);
        let problem = serde_json::from_slice(&reply.body).unwrap_or_default();
        (reply.status, problem)
    }

    /// Asserts that the document has this status for it.
    fn describes(&self, status: u16, why: &str) {
        let Self { method, path, statuses, .. } = self;
        assert!(statuses.contains(&status.to_string()), "{method} {path} {why}: {status} is none of {statuses:?}");
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            let operation = &item[*method];
            found.push(Operation {
                method: (*method).to_owned(),
                path: path.clone(),
                is_open: operation["security"] == json!([{}]),
                is_built: operation["responses"].get("501").is_none(),
                statuses: operation["responses"].as_object().expect("responses").keys().cloned().collect(),
                has_body: operation.get("requestBody").is_some(),
            });
        }
    }
    assert!(found.len() > 100, "{} operations", found.len());
    found
}

fn key(admin: &Client, session: &str, actions: &[&str]) -> Client {
    let made = admin.post("/api/keys", &json!({ "session": session, "actions": actions })).expect(201);
    admin.with_key(made["key"].as_str())
}

#[test]
fn every_operation_asks_for_a_key_that_may() {
    let home = Home::bare();
    let drover = home.start();
    let admin = drover.api();
    for name in ["shop", "office"] {
        admin.post("/api/sessions", &json!({ "name": name, "start": false })).expect(201);
    }
    let document = admin.with_key(None).get("/openapi.json").expect(200);
    let copy = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).expect("the copy");
    assert_eq!(document, serde_json::from_str::<Value>(&copy).expect("JSON"), "docs/openapi.json is what is served");

    let (stranger, foreign, reader) = (admin.with_key(None), key(admin, "office", &[]), key(admin, "shop", &["read"]));
    let wrong = admin.with_key(Some("drover_wrong"));
    // What tells nothing of any session, or is the key's own view of those that it may see.
    let for_everybody = ["/api/version", "/api/server/version", "/api/server/status", "/health"];
    for operation in operations(&document) {
        let what = format!("{} {}", operation.method, operation.path);
        if operation.is_open {
            let (status, _) = operation.ask(&stranger);
            assert!(matches!(status, 200 | 303), "{what} is open: {status}");
            continue;
        }
        for (whose, client) in [("no", &stranger), ("a wrong", &wrong)] {
            let (status, problem) = operation.ask(client);
            assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{what} with {whose} key: {problem}");
        }
        let (status, problem) = operation.ask(&foreign);
        if !operation.is_built {
            assert_eq!((status, &problem["code"]), (501, &json!("not_implemented")), "{what}: {problem}");
            continue;
        }
        if !for_everybody.contains(&operation.path.as_str()) && operation.path != "/api/sessions" {
            // Nobody else's session, and no id of which only the owner may know whether it exists.
            assert!(matches!(status, 403 | 404), "{what} with a foreign key: {status} {problem}");
        }
        if WRITES.contains(&operation.method.as_str()) {
            let (status, problem) = operation.ask(&reader);
            assert!(matches!(status, 403 | 404), "{what} with a key that may only read: {status} {problem}");
        }
    }
    assert_eq!(
        foreign.get("/api/sessions?all=true").expect(200).as_array().map(Vec::len),
        Some(1),
        "its own and no other"
    );
    assert_eq!(admin.get("/api/shop/queue").expect(200)["depth"], 0, "nothing was taken over");
    assert_eq!(admin.get("/api/sessions/fresh").status, 404, "nothing was made");
    drover.stop();
}

/// What `make fuzz-api` looks at more closely.
#[test]
fn every_refusal_stands_in_the_document() {
    let home = Home::bare();
    let drover = home.start();
    let admin = drover.api();
    drover.create_stopped("shop");
    let document = admin.get("/openapi.json").expect(200);
    let huge = format!("{{\"text\":\"{}\"}}", "x".repeat(3 << 20));
    let json = [("content-type", "application/json")];
    for operation in operations(&document).iter().filter(|operation| operation.is_built && !operation.is_open) {
        let (status, _) = operation.ask_of(admin, "ghost");
        operation.describes(status, "of a session that is not there");
        let method = operation.method.to_uppercase();
        for (body, why) in [("[", "with a torn body"), (huge.as_str(), "with a long body")] {
            if operation.has_body {
                let reply = admin.request(&method, &operation.filled("shop"), &json, Some(body));
                operation.describes(reply.status, why);
            }
        }
    }
    drover.stop();
}

#[test]
fn what_is_not_in_the_document_is_not_there() {
    let home = Home::bare();
    let drover = home.start();
    let admin = drover.api();
    let document = admin.get("/openapi.json").expect(200);
    let all = operations(&document);
    let paths: BTreeSet<&str> = all.iter().map(|operation| operation.path.as_str()).collect();
    for path in paths {
        for method in METHODS {
            let described = all.iter().any(|operation| operation.path == path && operation.method == method);
            let operation = Operation { method: method.to_owned(), path: path.to_owned(), ..Operation::default() };
            if described {
                continue;
            }
            let (status, problem) = operation.ask(admin);
            assert_eq!(status, 405, "{method} {path} does not stand in the document: {problem}");
            assert_eq!(problem["code"], "method_not_allowed");
        }
    }
    drover.stop();
}

#[test]
fn the_page_of_the_document_needs_nothing_from_elsewhere() {
    let home = Home::bare();
    let drover = home.start();
    let anybody = drover.api().with_key(None);
    let page = anybody.get("/docs/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'self'") && !policy.contains("script-src"), "{policy}");
    let html = page.text();
    for attribute in ["src=\"", "href=\""] {
        for link in html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
            assert!(!link.contains("//"), "{link} is elsewhere");
            let file = anybody.get(&format!("/docs/{}", link.trim_start_matches("./")));
            assert_eq!(file.status, 200, "{link}: {file:?}");
        }
    }
    let start = anybody.get("/docs/swagger-initializer.js").text();
    assert!(start.contains("/openapi.json"), "{start}");
    assert_eq!(anybody.get("/docs/../admin.key").status, 404);
    assert_eq!(anybody.get("/docs/nothing.js").status, 404);
    drover.stop();
}
