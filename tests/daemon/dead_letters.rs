//! Dead letters: seen, tried again and removed, one or all, by API and by the command line; a key may do what its scope says.

use serde_json::{Value, json};

use crate::support::{Cli, Drover, Home, Simulator, story};

const BOB: &str = "15559990001@c.us";

fn dead(drover: &Drover<'_>, text: &str) -> String {
    let id = drover.send_text("shop", BOB, text)["id"].as_str().expect("an id").to_owned();
    drover.wait_state(&id, "dead", story::TO_ACK);
    id
}

#[test]
fn they_are_tried_again_and_removed_one_or_all() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__ATTEMPTS", "1");
    home.set("DROVER_QUEUE__CIRCUIT_FAILURES", "1000");
    let drover = home.start();
    let phone = simulator.phone("15550009201", "Ana");
    story::link(&drover, "shop", &phone);
    phone.fault(json!({"fail_send": 463}));
    let ids: Vec<String> = ["one", "two", "three", "four"].iter().map(|text| dead(&drover, text)).collect();
    let listed = Cli::run(&drover, &["dead", "list", "shop"]);
    assert!(ids.iter().all(|id| listed.contains(id)) && listed.contains("refused"), "{listed}");

    // Tried again while nothing has changed: a dead letter again, with its history.
    drover.api().post(&format!("/api/queue/dead/{}/retry", ids[0]), &Value::Null).expect(201);
    drover.wait_state(&ids[0], "dead", story::TO_ACK);
    assert_eq!(drover.message(&ids[0])["attempts"].as_array().map(Vec::len), Some(2), "{}", drover.message(&ids[0]));

    simulator.clear_faults();
    Cli::run(&drover, &["dead", "retry", &ids[0]]);
    drover.wait_ack(&ids[0], 1, story::TO_ACK);
    phone.shown_once("one");
    assert_eq!(drover.api().post(&format!("/api/queue/dead/{}/retry", ids[0]), &Value::Null).status, 422);
    assert_eq!(drover.api().delete(&format!("/api/queue/dead/{}", ids[0])).status, 422, "it is none any more");

    drover.api().delete(&format!("/api/queue/dead/{}", ids[1])).expect(200);
    assert_eq!(drover.api().get(&format!("/api/messages/{}", ids[1])).status, 404);
    let answer = drover.api().post("/api/queue/dead/retry?session=shop", &Value::Null).expect(201);
    assert_eq!(answer["retried"], 2);
    for (id, text) in ids[2..].iter().zip(["three", "four"]) {
        drover.wait_ack(id, 1, story::TO_ACK);
        phone.shown_once(text);
    }
    assert!(phone.sent_with("two").iter().all(|sent| sent["shown"] == 0), "it was removed: {:?}", phone.sent());

    phone.fault(json!({"fail_send": 463}));
    let left = [dead(&drover, "five"), dead(&drover, "six")];
    assert_eq!(drover.api().delete("/api/queue/dead").status, 422, "nothing is removed by mistake");
    let mut unconfirmed = Cli::start(&drover, &["dead", "delete", "--session", "shop"]);
    assert_eq!(unconfirmed.wait(story::TO_ACK).code(), Some(2));
    assert!(unconfirmed.errors().contains("--yes"), "{}", unconfirmed.errors());
    let said = Cli::run(&drover, &["dead", "delete", "--session", "shop", "--yes"]);
    assert!(said.contains("2 dead letters were removed"), "{said}");
    for id in &left {
        assert_eq!(drover.api().get(&format!("/api/messages/{id}")).status, 404);
    }
    assert!(Cli::run(&drover, &["dead", "list"]).contains("no dead letters"));
    drover.stop();
}

#[test]
fn what_a_key_may_not_do_with_them_is_refused() {
    let home = Home::bare();
    let drover = home.start();
    for name in ["shop", "other"] {
        drover.create_stopped(name);
    }
    let key = |scope: Value| -> String {
        drover.api().post("/api/keys", &scope).expect(201)["key"].as_str().expect("a key").to_owned()
    };
    let reader = key(json!({"session": "shop", "actions": ["read"]}));
    let sender = key(json!({"session": "shop", "actions": ["read", "send"]}));
    let (reader, sender) = (drover.api().with_key(Some(&reader)), drover.api().with_key(Some(&sender)));
    let id = drover.send_text("shop", BOB, "waits")["id"].as_str().expect("an id").to_owned();
    assert_eq!(reader.delete(&format!("/api/queue/dead/{id}")).status, 403);
    assert_eq!(reader.delete("/api/queue/dead?confirm=shop").status, 403);
    assert_eq!(reader.post("/api/queue/dead/retry", &Value::Null).status, 403);
    assert_eq!(sender.delete(&format!("/api/queue/dead/{id}")).status, 422, "it is not dead");
    assert_eq!(sender.delete("/api/queue/dead?confirm=other").status, 403);
    assert_eq!(sender.delete("/api/queue/dead?confirm=*").status, 403);
    assert_eq!(sender.delete("/api/queue/dead?confirm=shop").expect(200)["removed"], 0);
    assert_eq!(sender.post("/api/queue/dead/retry", &Value::Null).expect(201)["session"], "shop");
    assert_eq!(sender.delete("/api/queue?confirm=shop").status, 403, "clearing is for admins");
    drover.stop();
}
