//! How often may be asked, who changed what, and that nobody holds the API up: by asking often, slowly, or with too much.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::support::{Client, Home, Reply, wait_until, wait_until_ok};
use serde_json::json;

fn address(client: &Client) -> &str {
    client.base().trim_start_matches("http://")
}

fn refused(reply: &Reply) -> u64 {
    assert_eq!(reply.status, 429, "{reply:?}");
    assert_eq!(reply.json()["code"], "too_many_requests");
    reply.header("retry-after").and_then(|after| after.parse().ok()).expect("Retry-After in seconds")
}

#[test]
fn a_key_and_an_address_have_their_limits() {
    let home = Home::bare();
    for (name, value) in [
        ("DROVER_RATE__READ_PER_MINUTE", "5"),
        ("DROVER_RATE__CONTROL_PER_MINUTE", "2"),
        ("DROVER_RATE__WRONG_KEYS_PER_MINUTE", "3"),
        ("DROVER_HTTP__TRUSTED_PROXIES", "127.0.0.1"),
    ] {
        home.set(name, value);
    }
    let drover = home.start();
    let admin = drover.api();
    admin.post("/api/sessions", &json!({ "name": "shop", "start": false })).expect(201);
    let key = |actions: &[&str]| {
        let made = admin.post("/api/keys", &json!({ "session": "shop", "actions": actions })).expect(201);
        admin.with_key(made["key"].as_str())
    };
    let (one, other, reader) = (key(&[]), key(&[]), key(&["read"]));
    for left in (0..5).rev() {
        let reply = one.get("/api/sessions/shop");
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("ratelimit-policy"), Some("\"read\";q=5;w=60"));
        let standing = reply.header("ratelimit").expect("how it stands").to_owned();
        assert!(standing.starts_with(&format!("\"read\";r={left};t=")), "{standing}");
    }
    assert!((1..=60).contains(&refused(&one.get("/api/sessions/shop"))));
    assert_eq!(one.post("/api/sessions/shop/stop", &json!({})).status, 201, "another kind has its own limit");
    assert_eq!(other.get("/api/sessions/shop").status, 200, "another key has its own");
    for _ in 0..4 {
        assert_eq!(
            reader.post("/api/sessions/shop/stop", &json!({})).status,
            403,
            "who may not is told so, however often"
        );
    }
    // Wrong keys are counted by where they come from, and a right one is let in from there all the same.
    let wrong = admin.with_key(Some("wrong"));
    let from = |address: &str| wrong.request("GET", "/api/sessions", &[("x-forwarded-for", address)], None);
    for _ in 0..3 {
        assert_eq!(from("10.1.1.1").status, 401);
    }
    refused(&from("10.1.1.1"));
    assert_eq!(from("10.1.1.2").status, 401, "another address");
    assert_eq!(admin.request("GET", "/api/sessions", &[("x-forwarded-for", "10.1.1.1")], None).status, 200);
    drover.stop();
}

#[test]
fn limits_change_while_drover_runs() {
    let home = Home::bare();
    home.unset("DROVER_RATE__ADMIN_PER_MINUTE");
    let drover = home.start();
    let policy = || drover.api().get("/api/version").header("ratelimit-policy").map(str::to_owned);
    assert_eq!(policy().as_deref(), Some("\"admin\";q=6000;w=60"));
    fs::write(home.path().join("drover.toml"), "[rate]\nadmin_per_minute = 7000\n").expect("written");
    wait_until_ok("the new limit is in force", Duration::from_secs(15), || match policy() {
        Some(policy) if policy == "\"admin\";q=7000;w=60" => Ok(()),
        policy => Err(policy),
    });
    fs::write(home.path().join("drover.toml"), "[http]\nmax_connections = 100\n").expect("written");
    wait_until_ok("the rest is named as waiting for a restart", Duration::from_secs(15), || {
        let waiting = drover.api().get("/api/server/config").expect(200)["awaitingRestart"].clone();
        if waiting == json!(["http.max_connections"]) { Ok(()) } else { Err(waiting) }
    });
    drover.stop();
}

#[test]
fn limits_hold_while_redis_hangs_and_no_request_waits_for_it() {
    let home = Home::bare();
    home.set("DROVER_RATE__ADMIN_PER_MINUTE", "10");
    let drover = home.start();
    let redis = home.redis().expect("the private Redis");
    redis.signal(nix::sys::signal::Signal::SIGSTOP);
    let statuses: Vec<u16> = (0..12).map(|_| drover.api().get("/api/version").status).collect();
    redis.signal(nix::sys::signal::Signal::SIGCONT);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{statuses:?}");
    drover.stop();
}

#[test]
fn the_audit_log_tells_who_changed_what() {
    let home = Home::bare();
    let drover = home.start();
    let admin = drover.api();
    let headers = [("x-request-id", "trace-7"), ("content-type", "application/json")];
    let body = json!({ "name": "shop", "start": false, "config": { "proxy": { "server": "p:1", "username": "ana", "password": "hush" } } });
    assert_eq!(admin.request("POST", "/api/sessions", &headers, Some(&body.to_string())).status, 201);
    let made = admin.post("/api/keys", &json!({ "session": "shop", "actions": ["read"] })).expect(201);
    let reader = admin.with_key(made["key"].as_str());
    assert_eq!(reader.post("/api/sessions/shop/start", &json!({})).status, 403);
    admin.get("/api/sessions/shop").expect(200);
    admin.post("/api/queue/pause?session=shop", &json!({})).expect(201);

    let log = admin.get("/api/audit").expect(200);
    let lines: Vec<String> = log
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| {
            format!("{} {} {} {}", entry["keyId"], entry["action"], entry["target"], entry["status"]).replace('"', "")
        })
        .collect();
    let (key_id, made_id) = (made["id"].as_str().expect("an id"), made["id"].as_str().expect("an id"));
    let expected = [
        "admin POST /api/queue/pause session=shop 201".to_owned(),
        format!("{key_id} POST /api/sessions/{{session}}/start session=shop 403"),
        format!("admin POST /api/keys key={made_id} 201"),
        "admin POST /api/sessions session=shop 201".to_owned(),
    ];
    assert_eq!(lines, expected, "changes and refusals, the newest first, and nothing that only reads");
    assert_eq!(log[3]["requestId"], "trace-7");
    assert_eq!(log[1]["code"], "forbidden");
    assert_eq!(log[0]["address"], "127.0.0.1");
    let text = log.to_string();
    for secret in ["hush", made["key"].as_str().expect("a key"), admin.key().expect("a key")] {
        assert!(!text.contains(secret), "a secret stands in the audit log");
    }
    assert_eq!(admin.get(&format!("/api/audit?limit=1&before={}", log[0]["id"])).expect(200)[0]["id"], log[1]["id"]);
    assert_eq!(reader.get("/api/audit").status, 403);
    drover.stop();
}

#[test]
fn slow_heads_and_bodies_hold_nobody_up() {
    let home = Home::bare();
    for (name, value) in [
        ("DROVER_HTTP__HEADER_TIMEOUT_S", "2"),
        ("DROVER_HTTP__BODY_STALL_S", "2"),
        ("DROVER_HTTP__MAX_CONNECTIONS", "10"),
    ] {
        home.set(name, value);
    }
    let drover = home.start();
    let address = address(drover.api()).to_owned();
    // As many as may connect at all, none of which ever says all that it began to say.
    let mut slow: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
            stream.write_all(b"GET /ping HTTP/1.1\r\nhost: drover\r\nx-slow").expect("the beginning of a head");
            stream
        })
        .collect();
    wait_until("those who never finish their heads are gone", Duration::from_secs(20), || {
        drover.api().try_request("GET", "/ping", &[], None).is_ok_and(|reply| reply.status == 200).then_some(())
    });
    for stream in &mut slow {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("it is closed");
        assert!(!String::from_utf8_lossy(&rest).contains("pong"));
    }
    let mut stream = TcpStream::connect(&address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let key = drover.api().key().expect("the key").to_owned();
    let head =
        format!("POST /api/sendText HTTP/1.1\r\nhost: drover\r\nx-api-key: {key}\r\ncontent-length: 100\r\n\r\n{{");
    stream.write_all(head.as_bytes()).expect("a head and the beginning of a body");
    let mut answer = [0_u8; 4096];
    let length = stream.read(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drover.stop();
}

#[test]
fn headers_cannot_be_forged_and_answers_are_compressed_and_closed_to_other_pages() {
    let home = Home::bare();
    home.set("DROVER_HTTP__CORS_ORIGINS", "https://shop.example");
    let drover = home.start();
    let api = drover.api();
    for id in ["a b", "a%0d%0ax-evil: 1", "\u{e9}"] {
        let reply = api.request("GET", "/ping", &[("x-request-id", id)], None);
        assert!(reply.header("x-request-id").is_some_and(|made| made.starts_with("req_")), "{reply:?}");
    }
    // What a client names comes back in a header of a file: quoted, and on one line.
    api.post("/api/sessions", &json!({ "name": "shop", "start": false })).expect(201);
    let file = json!({ "file": { "mimetype": "text/plain", "filename": "a\r\nx-evil: 1\".txt", "data": "aGVsbG8=" } });
    let kept = api.post("/api/shop/files", &file);
    if kept.status == 201 {
        let reply = api.get(kept.json()["url"].as_str().expect("an address"));
        assert_eq!((reply.status, reply.header("x-evil")), (200, None), "{reply:?}");
    }
    for path in
        ["/api/files/shop/..%2f..%2fadmin.key", "/api/files/shop/%2e%2e%2fadmin.key", "/api/files/..%2f/admin.key"]
    {
        assert!(matches!(api.get(path).status, 404 | 422), "{path}");
    }
    let document = api.request("GET", "/openapi.json", &[("accept-encoding", "gzip")], None);
    assert_eq!(document.status, 200);
    let allowed = |origin: &str| {
        let reply = api.request("GET", "/ping", &[("origin", origin)], None);
        reply.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("https://shop.example").as_deref(), Some("https://shop.example"));
    assert_eq!(allowed("https://evil.example"), None);
    drover.stop();
}

#[test]
fn requests_are_counted_by_route() {
    let home = Home::bare();
    let drover = home.start();
    drover.api().get("/api/sessions/ghost").expect(404);
    let text = drover.api().get("/metrics").text();
    let line = "drover_http_requests_total{route=\"/api/sessions/{session}\",method=\"GET\",status=\"404\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains("drover_http_request_seconds_bucket{route=\"/api/sessions/{session}\",method=\"GET\""),
        "{text}"
    );
    assert!(!text.contains("ghost"), "a path may hold a number: only its route is a label");
    drover.stop();
}
