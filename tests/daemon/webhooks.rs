//! Webhooks of the running daemon: given over the API, delivered in order over a kill -9, secrets kept, and what a wrong one gets.

use std::time::Duration;

use crate::{
    receiver::{Answer, Receiver},
    support::{Drover, Home, wait_until_ok},
};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

/// A home whose daemons may reach receivers on this machine.
fn home() -> Home {
    let home = Home::bare();
    home.set("DROVER_NETWORK__ALLOW_HOSTS", "127.0.0.1");
    home.set("DROVER_WEBHOOKS__RETRY_DELAY_S", "0");
    home
}

fn create(drover: &Drover<'_>, webhook: &Value) -> Value {
    let body = json!({ "name": "shop", "start": false, "config": { "webhooks": [webhook] } });
    drover.api().post("/api/sessions", &body).expect(201)
}

/// Something happens, twice: a queue is paused and goes on.
fn happen(drover: &Drover<'_>) {
    for what in ["pause", "resume"] {
        let reply = drover.api().post(&format!("/api/queue/{what}?session=shop"), &json!({}));
        assert!(reply.status < 300, "{reply:?}");
    }
}

fn put(drover: &Drover<'_>, body: &Value) -> Value {
    let json = [("content-type", "application/json")];
    drover.api().request("PUT", "/api/sessions/shop", &json, Some(&body.to_string())).expect(200)
}

#[test]
fn secrets_sign_and_go_out_but_are_never_shown() {
    let receiver = Receiver::start();
    let home = home();
    let drover = home.start();
    let url = receiver.url("/hook");
    let webhook = json!({
        "url": url,
        "events": ["queue.paused", "queue.resumed"],
        "hmac": { "key": "a-signing-secret" },
        "customHeaders": [{ "name": "Authorization", "value": "Bearer a-header-secret" }],
    });
    let created = create(&drover, &webhook);
    happen(&drover);
    let received = receiver.wait_for("both events", LIMIT, |received| received.len() == 2);
    assert_eq!(received[0].json()["event"], "queue.paused");
    assert_eq!(received[1].json()["event"], "queue.resumed");
    assert_eq!(received[0].headers["authorization"], "Bearer a-header-secret");
    let signed = drover::webhook::signature::sign(b"a-signing-secret", &received[0].body);
    assert_eq!(received[0].headers["x-webhook-hmac"], signed);

    // What was answered can be handed in again: the secrets stay what they were.
    let shown = drover.session("shop");
    let changed = put(&drover, &json!({ "config": shown["config"] }));
    happen(&drover);
    let received = receiver.wait_for("two more", LIMIT, |received| received.len() == 4);
    let signed = drover::webhook::signature::sign(b"a-signing-secret", &received[3].body);
    assert_eq!(received[3].headers["x-webhook-hmac"], signed);
    assert_eq!(received[3].headers["authorization"], "Bearer a-header-secret");

    let listed = drover.api().get("/api/webhooks?session=shop").expect(200);
    assert_eq!((&listed[0]["url"], &listed[0]["backlog"]), (&json!(url), &json!(0)), "{listed}");
    let all = drover.api().get("/api/sessions?all=true").expect(200);
    for answer in [&created, &shown, &changed, &listed, &all] {
        assert!(!answer.to_string().contains("secret"), "{answer}");
    }
    assert!(!drover.log().text().contains("-secret"), "a secret stands in the log");
    let metrics = drover.api().get("/metrics").text();
    let counted = "drover_webhook_deliveries_total{session=\"shop\",outcome=\"delivered\"} 4";
    assert!(metrics.contains(counted), "{metrics}");
    drover.stop();
}

#[test]
fn a_kill_loses_no_event_and_keeps_their_order() {
    let receiver = Receiver::start();
    receiver.answer(|_| Answer::Status(500, String::new()));
    let home = home();
    home.set("DROVER_WEBHOOKS__CIRCUIT_FAILURES", "1000");
    home.set("DROVER_WEBHOOKS__ATTEMPTS", "1000");
    home.set("DROVER_WEBHOOKS__RETRY_DELAY_S", "1");
    let drover = home.start();
    create(&drover, &json!({ "url": receiver.url("/"), "events": ["queue.paused", "queue.resumed"] }));
    for _ in 0..5 {
        happen(&drover);
    }
    let tried = receiver.wait_for("a first try", LIMIT, |received| !received.is_empty());
    drover.crash();
    receiver.answer(|_| Answer::ok());
    let drover = home.start();
    happen(&drover);
    let seqs = |received: &[crate::receiver::Received]| {
        let mut seqs: Vec<i64> = received.iter().map(crate::receiver::Received::seq).collect();
        seqs.dedup();
        seqs
    };
    let received = receiver.wait_for("all twelve", LIMIT, |received| seqs(received).len() == 12);
    assert!(seqs(&received).is_sorted(), "{:?}", seqs(&received));
    let first: Vec<String> = received.iter().filter(|one| one.seq() == tried[0].seq()).map(|one| one.id()).collect();
    assert!(first.len() >= 2 && first.iter().all(|id| *id == first[0]), "one id over the kill: {first:?}");
    drover.stop();
}

#[test]
fn a_dead_letter_is_listed_tried_again_and_removed() {
    let receiver = Receiver::start();
    receiver.answer(|_| Answer::Status(500, String::new()));
    let home = home();
    home.set("DROVER_WEBHOOKS__ATTEMPTS", "2");
    let drover = home.start();
    create(&drover, &json!({ "url": receiver.url("/"), "events": ["queue.paused", "queue.resumed"] }));
    happen(&drover);
    let api = drover.api();
    let dead = wait_until_ok("two dead letters", LIMIT, || {
        let dead = api.get("/api/webhooks/dead?session=shop").expect(200);
        if dead.as_array().map(Vec::len) == Some(2) { Ok(dead) } else { Err(dead) }
    });
    assert_eq!(
        (&dead[0]["event"]["event"], &dead[0]["attempts"]),
        (&json!("queue.resumed"), &json!(2)),
        "newest first"
    );
    assert_eq!(dead[0]["error"]["code"], "status_500");
    let id = |index: usize| dead[index]["id"].as_str().expect("an id").to_owned();
    receiver.answer(|_| Answer::ok());
    api.post(&format!("/api/webhooks/dead/{}/retry", id(1)), &json!({})).expect(201);
    receiver.wait_for("it comes again", LIMIT, |received| {
        received.last().is_some_and(|last| last.id() == id(1)) && received.len() == 5
    });
    api.delete(&format!("/api/webhooks/dead/{}", id(0))).expect(200);
    wait_until_ok("none is left", LIMIT, || {
        let dead = api.get("/api/webhooks/dead").expect(200);
        if dead == json!([]) { Ok(()) } else { Err(dead) }
    });
    api.delete(&format!("/api/webhooks/dead/{}", id(0))).expect(404);
    api.post(&format!("/api/webhooks/dead/{}/retry", id(0)), &json!({})).expect(404);
    api.get("/api/webhooks/dead?session=ghost").expect(404);
    assert_eq!(api.get("/api/webhooks/dead?limit=0").status, 422);
    drover.stop();
}

#[test]
fn whoever_may_only_read_sees_where_a_webhook_leads_and_not_its_path() {
    let home = home();
    home.set("WHATSAPP_HOOK_URL", "http://127.0.0.1:9/all/global-secret");
    let drover = home.start();
    let admin = drover.api();
    let webhook =
        json!({ "url": "http://127.0.0.1:9/hooks/path-secret?token=query-secret", "events": ["queue.paused"] });
    create(&drover, &webhook);
    let key = |session: Option<&str>, actions: &[&str]| {
        let made = admin.post("/api/keys", &json!({ "session": session, "actions": actions })).expect(201);
        admin.with_key(made["key"].as_str())
    };
    for (whose, client, sees_own, sees_global) in [
        ("an admin's", admin.clone(), true, true),
        ("one that controls the session", key(Some("shop"), &["read", "control"]), true, false),
        ("one that reads the session", key(Some("shop"), &["read"]), false, false),
        ("one that reads all", key(None, &["read"]), false, false),
        ("one that reads all and sends", key(None, &["read", "send"]), false, false),
    ] {
        for path in ["/api/sessions?all=true", "/api/sessions/shop", "/api/webhooks"] {
            let answer = client.get(path).expect(200).to_string();
            assert!(answer.contains("http://127.0.0.1:9/"), "{whose} at {path} sees where it leads: {answer}");
            for secret in ["path-secret", "query-secret"] {
                assert_eq!(answer.contains(secret), sees_own, "{whose} at {path}: {answer}");
            }
            let is_shown = sees_global && path == "/api/webhooks";
            assert_eq!(answer.contains("global-secret"), is_shown, "{whose} at {path}: {answer}");
        }
    }
    drover.stop();
}

#[test]
fn a_webhook_that_cannot_be_used_is_refused_with_its_field() {
    let home = Home::bare();
    let drover = home.start();
    for (field, webhook) in [
        ("config.webhooks[0].url", json!({ "url": "nowhere", "events": ["*"] })),
        ("config.webhooks[0].url", json!({ "url": "http://127.0.0.1:9/", "events": ["*"] })),
        ("config.webhooks[0].url", json!({ "url": "http://169.254.169.254/latest", "events": ["*"] })),
        ("config.webhooks[0].events", json!({ "url": "https://example.org/", "events": [] })),
        ("config.webhooks[0].events[1]", json!({ "url": "https://example.org/", "events": ["message", "mesage"] })),
        ("config.webhooks[0]", json!({ "events": ["*"] })),
        (
            "config.webhooks[0].retries.attempts",
            json!({
                "url": "https://example.org/", "events": ["*"], "retries": { "attempts": 0 },
            }),
        ),
        (
            "config.webhooks[0].customHeaders[0].name",
            json!({
                "url": "https://example.org/", "events": ["*"], "customHeaders": [{ "name": "Host", "value": "x" }],
            }),
        ),
    ] {
        let body = json!({ "name": "shop", "start": false, "config": { "webhooks": [webhook] } });
        let problem = drover.api().post("/api/sessions", &body).expect(422);
        assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    }
    drover.api().get("/api/sessions/shop").expect(404);
    drover.stop();
}

#[test]
fn a_global_webhook_that_leads_inside_is_refused_at_the_start() {
    let home = Home::bare();
    home.set("WHATSAPP_HOOK_URL", "http://127.0.0.1:9/");
    home.set("DROVER_LOG__LEVEL", "error");
    let refusal = home.start_refused();
    assert!(refusal.one_line().contains("network.allow_hosts"), "{}", refusal.one_line());
}
