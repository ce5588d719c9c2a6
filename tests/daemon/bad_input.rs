//! What bad input gets: 404 for a session that is not there, 422 with the field for a wrong body or name, 401 without a valid
//! key, 403 for a key without the scope; and the daemon goes on as if nothing had been.

use std::time::Duration;

use crate::support::{Home, Reply, wait_until};
use serde_json::{Value, json};

/// Asserts a problem that names this field, and says something about it.
#[track_caller]
fn names_field(reply: Reply, field: &str) {
    let problem = reply.expect(422);
    assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    assert!(problem["fields"][0]["message"].as_str().is_some_and(|message| !message.is_empty()), "{problem}");
    assert_eq!(problem["statusCode"], 422, "WAHA's name of the status: {problem}");
}

#[test]
fn an_unknown_session_is_not_found_wherever_it_is_named() {
    let home = Home::bare();
    let drover = home.start();
    let api = drover.api();
    for path in [
        "/api/sessions/ghost",
        "/api/sessions/ghost/me",
        "/api/ghost/auth/qr",
        "/api/ghost/queue",
        "/api/screenshot?session=ghost",
        "/api/sessions/ghost/screenshots/1-banned.png",
    ] {
        let problem = api.get(path).expect(404);
        assert!(problem["message"].as_str().is_some_and(|message| message.contains("ghost")), "{path}: {problem}");
    }
    for order in ["start", "stop", "restart", "logout"] {
        api.post(&format!("/api/sessions/ghost/{order}"), &json!({})).expect(404);
    }
    api.delete("/api/sessions/ghost").expect(404);
    api.post("/api/ghost/auth/request-code", &json!({"phoneNumber": "15551234567"})).expect(404);
    api.post("/api/sendText", &json!({"session": "ghost", "chatId": "15551234567", "text": "x"})).expect(404);
    api.get("/api/messages/3EB0000000000000000000").expect(404);
    api.delete("/api/messages/3EB0000000000000000000").expect(404);
    drover.stop();
}

#[test]
fn what_is_refused_is_found_in_the_log_by_its_id_and_what_anybody_can_cause_is_not() {
    let home = Home::bare();
    home.set("DROVER_LOG__LEVEL", "info");
    let drover = home.start();
    let api = drover.api();
    let refused = api.post("/api/sessions", &json!({"name": "../x", "start": false})).expect(422);
    let unknown = api.get("/api/sessions/ghost").expect(404);
    let stranger = api.with_key(Some("none")).get("/api/sessions").expect(401);
    let nowhere = api.get("/api/nowhere").expect(404);
    let stands = |problem: &Value| drover.log().text().contains(problem["requestId"].as_str().expect("an id"));
    wait_until("both are written", Duration::from_secs(10), || (stands(&refused) && stands(&unknown)).then_some(()));
    assert!(!stands(&stranger) && !stands(&nowhere), "{}", drover.log().text());
    drover.stop();
}

#[test]
fn a_wrong_body_is_refused_with_its_field() {
    let home = Home::bare();
    let drover = home.start();
    let api = drover.api();
    drover.create_stopped("shop");
    let good = json!({"session": "shop", "chatId": "15551234567@c.us", "text": "hello"});
    for (field, value) in [
        ("text", json!("")),
        ("text", json!(5)),
        ("text", json!("x".repeat(65_537))),
        ("chatId", json!("")),
        ("chatId", json!("not a number")),
        ("chatId", json!("15551234567@nowhere")),
        ("chatId", json!("status@broadcast")),
        ("session", json!("no such name!")),
        ("id", json!("short")),
        ("priority", json!("urgent")),
        ("sendAt", json!("tomorrow")),
        ("expiresAt", json!("2001-01-01T00:00:00Z")),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let reply = api.post("/api/sendText", &body);
        assert_eq!(
            reply.status,
            422,
            "{field} = {}: {reply:?}",
            value.to_string().chars().take(60).collect::<String>()
        );
        names_field(reply, field);
    }
    for field in ["session", "chatId", "text"] {
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(field);
        names_field(api.post("/api/sendText", &body), field);
    }
    let json = [("content-type", "application/json")];
    for text in ["", "{", "null", "[]", "\"text\"", "{} {}"] {
        let reply = api.request("POST", "/api/sendText", &json, Some(text));
        assert_eq!(reply.status, 422, "{text:?}: {reply:?}");
    }
    let invalid_utf8_in_query = api.get("/api/sessions/%ff");
    assert_eq!(invalid_utf8_in_query.status, 422);
    let huge = format!("{{\"text\":\"{}\"}}", "x".repeat(3 << 20));
    assert_eq!(api.request("POST", "/api/sendText", &json, Some(&huge)).status, 413);
    names_field(api.post("/api/shop/auth/request-code", &json!({"phoneNumber": "12"})), "phoneNumber");
    names_field(api.post("/api/shop/auth/request-code", &json!({})), "phoneNumber");

    let queue = api.get("/api/shop/queue").expect(200);
    assert!(!queue.to_string().contains("15551234567"), "nothing of it was taken: {queue}");
    drover.stop();
}

/// WAHA reads what is called JSON; what curl sends by itself is JSON that is called a form.
#[test]
fn a_body_that_is_called_something_else_is_refused_and_one_without_a_name_is_read() {
    let home = Home::bare();
    let drover = home.start();
    let api = drover.api();
    drover.create_stopped("shop");
    let text = |words: &str| json!({"session": "shop", "chatId": "15551234567@c.us", "text": words}).to_string();
    let send = |kind: &str, body: &str| api.request("POST", "/api/sendText", &[("content-type", kind)], Some(body));
    for kind in [
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/vnd.shop+json",
    ] {
        send(kind, &text(kind)).expect(201);
    }
    for (path, kind, body) in [
        ("/api/sendText", "application/xml", text("one")),
        ("/api/sendText", "multipart/form-data; boundary=x", text("two")),
        ("/api/sendText", "application/json; charset=utf-16", text("three")),
        ("/api/sendText", "application/x-www-form-urlencoded", "session=shop&chatId=15551234567&text=four".to_owned()),
        ("/api/sendImage", "image/png", "\u{89}PNG".to_owned()),
        ("/api/sendImage", "application/x-www-form-urlencoded", "session=shop&file=five".to_owned()),
    ] {
        let problem = api.request("POST", path, &[("content-type", kind)], Some(&body)).expect(415);
        assert_eq!((&problem["code"], &problem["statusCode"]), (&json!("unsupported_media_type"), &json!(415)));
        assert!(problem["message"].as_str().is_some_and(|message| message.contains("application/json")), "{problem}");
    }
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(api.request("POST", "/api/sendText", &packed, Some("\u{1f}")).status, 415);
    assert_eq!(api.request("POST", "/api/shop/files", &[("content-encoding", "br")], Some("x")).status, 415);
    // Nothing is called nothing, whatever it is called.
    api.request("POST", "/api/sessions/shop/stop", &[("content-type", "application/xml")], Some("")).expect(201);
    assert_eq!(api.get("/api/shop/queue").expect(200)["waiting"], 4, "the others were not taken");
    drover.stop();
}

#[test]
fn a_key_that_is_missing_or_wrong_is_unauthorised() {
    let home = Home::bare();
    let drover = home.start();
    for client in [drover.api().with_key(None), drover.api().with_key(Some("wrong")), drover.api().with_key(Some(""))] {
        for path in
            ["/api/sessions", "/api/sessions/ghost", "/api/version", "/api/events", "/health", "/api/no/such/path"]
        {
            let reply = client.get(path);
            assert_eq!(reply.status, 401, "{reply:?}");
        }
        assert_eq!(client.post("/api/sendText", &json!({})).status, 401, "the key comes before the body");
        for open in ["/ping", "/health/live", "/health/ready"] {
            assert_eq!(client.get(open).status, 200, "{open} needs no key");
        }
    }
    let guess = "drover_guessed";
    let refused = drover.api().with_key(Some(guess)).get("/api/version");
    assert!(refused.status == 401 && !refused.text().contains(guess) && !drover.log().text().contains(guess));
    // The key stays in its file: neither the log nor an answer shows it.
    let key = drover.api().key().expect("the admin key").to_owned();
    assert!(!drover.log().text().contains(&key), "the key stands in the log");
    assert!(drover.log().text().contains("admin.key"), "the log says where the key is");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(home.data().join("admin.key")).expect("the key's file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    drover.stop();
}

#[test]
fn a_key_opens_only_what_it_is_for() {
    let home = Home::bare();
    let drover = home.start();
    let admin = drover.api();
    for name in ["shop", "office"] {
        drover.create_stopped(name);
    }
    let created = admin
        .post("/api/keys", &json!({"isAdmin": false, "session": "shop", "isActive": true, "actions": ["read"]}))
        .expect(201);
    let reader = admin.with_key(created["key"].as_str());
    assert_eq!(reader.get("/api/sessions/shop").status, 200);
    assert_eq!(reader.get("/api/sessions/office").status, 403);
    assert_eq!(reader.post("/api/sessions/shop/start", &json!({})).status, 403);
    let text = json!({"session": "shop", "chatId": "15551234567", "text": "hello"});
    assert_eq!(reader.post("/api/sendText", &text).status, 403);
    assert_eq!(reader.post("/api/sessions", &json!({"name": "new"})).status, 403);
    assert_eq!(reader.get("/api/keys").status, 403);
    assert_eq!(admin.get("/api/sessions/new").status, 404, "it was not made");

    let id = created["id"].as_str().expect("an id").to_owned();
    let listed = admin.get("/api/keys").expect(200).to_string();
    assert!(!listed.contains(created["key"].as_str().expect("a key")), "a key is shown once, when it is made");
    assert!(admin.delete(&format!("/api/keys/{id}")).status < 300);
    assert_eq!(reader.get("/api/sessions/shop").status, 401, "a deleted key is none");
    drover.stop();
}

#[test]
fn a_name_that_is_none_is_refused() {
    let home = Home::bare();
    let drover = home.start();
    let too_long = "x".repeat(65);
    let names = [
        "",
        "_x",
        "-x",
        "a b",
        "a/b",
        "../etc",
        "a.b",
        "ä",
        "a\nb",
        too_long.as_str(),
        "sessions",
        "Queue",
        "events",
        "messages",
        "keys",
        "sendText",
    ];
    for name in names {
        names_field(drover.api().post("/api/sessions", &json!({"name": name, "start": false})), "name");
    }
    let longest = "y".repeat(64);
    drover.api().post("/api/sessions", &json!({"name": longest, "start": false})).expect(201);
    assert_eq!(drover.api().get(&format!("/api/sessions/{longest}")).status, 200);
    assert_eq!(drover.api().get("/api/sessions/..%2f..%2fetc").status, 422);

    // The same name twice; WAHA answers 422 there.
    let reply = drover.api().post("/api/sessions", &json!({"name": longest, "start": false}));
    assert_eq!(reply.status, 422, "{reply:?}");
    drover.stop();
}

#[test]
fn a_session_in_the_wrong_state_says_so() {
    let home = Home::bare();
    let drover = home.start();
    let api = drover.api();
    drover.create_stopped("shop");
    for reply in [
        api.get("/api/shop/auth/qr"),
        api.post("/api/shop/auth/request-code", &json!({"phoneNumber": "15551234567"})),
        api.get("/api/screenshot?session=shop"),
    ] {
        let problem = reply.expect(422);
        assert!(
            problem["message"].as_str().is_some_and(|message| message.contains("STOPPED")),
            "it names the state: {problem}"
        );
    }
    assert_eq!(api.get("/api/sessions/shop/me").expect(200), Value::Null);
    drover.stop();
}

#[test]
fn what_is_not_there_and_what_is_not_built_say_which() {
    let home = Home::bare();
    let drover = home.start();
    let api = drover.api();
    assert_eq!(api.get("/api/nothing/at/all").status, 404);
    assert_eq!(api.delete("/ping").status, 405);
    assert_eq!(api.post("/api/sendButtons", &json!({})).status, 501);
    let garbage = api.try_request("GET", "/api/sessions?all=perhaps", &[], None).expect("an answer");
    assert_eq!(garbage.status, 422, "{garbage:?}");
    drover.stop();
}
