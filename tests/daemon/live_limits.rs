//! Limits and pauses as they change while drover runs: from drover.toml, from a session's config, and through an emptied Redis.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::support::{Drover, Home, Reply, Simulator, holds_for, servers::Redis, story, wait_until};

const BOB: &str = "15559990001";

fn queue(drover: &Drover<'_>) -> Value {
    drover.api().get("/api/shop/queue").expect(200)
}

fn put(drover: &Drover<'_>, config: &Value) -> Reply {
    let headers = [("Content-Type", "application/json")];
    drover.api().request("PUT", "/api/sessions/shop", &headers, Some(&config.to_string()))
}

fn send(drover: &Drover<'_>, text: &str) -> String {
    drover.send_text("shop", BOB, text)["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_changed_drover_toml_and_a_changed_session_hold_for_the_next_message() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    // The environment would win over the file.
    for name in ["PER_MINUTE", "BURST"] {
        home.unset(&format!("DROVER_LIMITS__{name}"));
    }
    let file = home.path().join("drover.toml");
    fs::write(&file, "[limits]\nper_minute = 2\nburst = 2\n").expect("written");
    let drover = home.start();
    let phone = simulator.phone("15550009601", "Ana");
    story::link(&drover, "shop", &phone);
    let ids: Vec<String> = (0..4).map(|number| send(&drover, &format!("message {number}"))).collect();
    drover.wait_ack(&ids[1], 1, story::TO_ACK);
    assert_eq!(queue(&drover)["limits"]["leftThisMinute"], 0);
    holds_for("the third waits", Duration::from_secs(1), || phone.sent().len() == 2);

    // What is not valid changes nothing, and is said once.
    fs::write(&file, "[limits]\nper_minute = 0\n").expect("written");
    wait_until("it is said", story::TO_ACK, || {
        drover.log().text().contains("the settings stay as they were").then_some(())
    });
    holds_for("the third still waits", Duration::from_secs(1), || phone.sent().len() == 2);

    fs::write(&file, "[limits]\nper_minute = 3\nburst = 3\n").expect("written");
    drover.wait_ack(&ids[2], 1, story::TO_ACK);
    holds_for("the fourth waits", Duration::from_secs(1), || phone.sent().len() == 3);

    let config = json!({"config": {"limits": {"perMinute": 100, "burst": 50}}});
    put(&drover, &config).expect(200);
    drover.wait_ack(&ids[3], 1, story::TO_ACK);
    let wrong = json!({"config": {"limits": {"perMinute": 0}}});
    let problem = put(&drover, &wrong).expect(422);
    assert_eq!(problem["fields"][0]["field"], "config.limits.perMinute");
    drover.stop();
}

#[test]
fn a_pause_outlives_an_emptied_redis_and_a_restart() {
    let simulator = Simulator::start();
    let redis = Redis::start();
    let home = Home::with(&simulator);
    home.set("REDIS_URL", &redis.url());
    home.set("DROVER_QUEUE__RECONCILE_S", "1");
    let drover = home.start();
    let phone = simulator.phone("15550009602", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    drover.api().post("/api/queue/pause?session=shop", &Value::Null).expect(201);
    let id = send(&drover, "later");
    assert_eq!(redis.command(&["FLUSHALL"]), "OK");
    wait_until("it is loaded again, and paused", story::TO_READY, || {
        let queue = queue(&drover);
        (queue["waiting"] == 1 && queue["paused"] == true).then_some(())
    });
    drover.stop();
    assert_eq!(redis.command(&["FLUSHALL"]), "OK");
    let drover = home.start();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    wait_until("it is loaded, and paused", story::TO_READY, || (queue(&drover)["paused"] == true).then_some(()));
    assert!(phone.sent().is_empty(), "{:?}", phone.sent());
    drover.api().post("/api/queue/resume?session=shop", &Value::Null).expect(201);
    drover.wait_ack(&id, 1, story::TO_ACK);
    assert_eq!(phone.sent().len(), 1);
    drover.stop();
}
