//! A Redis that is emptied in mid-run, and an acknowledgement that does not come: nothing is lost, doubled, or called sent.

use std::time::Duration;

use serde_json::json;

use crate::support::{Home, Simulator, holds_for, servers::Redis, story, wait_until};

#[test]
fn a_redis_that_is_emptied_in_mid_run_loses_and_doubles_nothing() {
    let simulator = Simulator::start();
    let redis = Redis::durable();
    let home = Home::with(&simulator);
    home.set("REDIS_URL", &redis.url());
    home.set("DROVER_LIMITS__GAP_MS", "100");
    home.set("DROVER_QUEUE__RECONCILE_S", "1");
    let drover = home.start();
    let phone = simulator.phone("15550009501", "Ana");
    story::link(&drover, "shop", &phone);
    phone.fault(json!({"ack_delay_ms": 200}));
    let texts: Vec<String> = (0..20).map(|number| format!("message {number:02}")).collect();
    let ids: Vec<String> = texts
        .iter()
        .map(|text| drover.send_text("shop", "15559990001", text)["id"].as_str().expect("an id").to_owned())
        .collect();
    for shown in [3, 6, 9] {
        wait_until("some are out", story::TO_READY, || (phone.sent().len() >= shown).then_some(()));
        assert_eq!(redis.command(&["FLUSHALL"]), "OK");
    }
    for id in &ids {
        drover.wait_ack(id, 1, story::TO_READY);
    }
    let shown: Vec<String> = phone.sent().iter().filter_map(|sent| sent["body"].as_str().map(str::to_owned)).collect();
    assert_eq!(shown, texts, "each once, in order");
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn what_is_not_acknowledged_in_time_is_reported_and_never_called_sent() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__SEND_TIMEOUT_S", "2");
    home.set("DROVER_QUEUE__BACKOFF_S", "1");
    home.set("DROVER_QUEUE__ATTEMPTS", "2");
    let drover = home.start();
    let phone = simulator.phone("15550009502", "Ana");
    story::link(&drover, "shop", &phone);
    let events = drover.events();
    phone.fault(json!({"stay_at_ack": 0}));
    let id = drover.send_text("shop", "15559990001", "no tick")["id"].as_str().expect("an id").to_owned();
    let told = events.wait_for("the report", story::TO_ACK, |event| {
        event.name == "message.failed" && event.data["payload"]["id"] == id.as_str()
    });
    assert!(told.data["payload"]["error"]["code"].is_string(), "{told:?}");
    holds_for("it is not called sent", Duration::from_secs(1), || {
        !matches!(drover.message(&id)["state"].as_str(), Some("sent" | "delivered" | "read"))
    });
    let dead = drover.wait_state(&id, "dead", story::TO_READY);
    assert_eq!((&dead["error"]["code"], &dead["ack"]), (&json!("unconfirmed"), &json!(0)), "{dead}");
    events.wait_for("its end", story::TO_ACK, |event| {
        event.name == "message.dead" && event.data["payload"]["id"] == id.as_str()
    });

    // A tick that comes after all proves it sent.
    simulator.clear_faults();
    let shown = phone.shown_once("no tick");
    let ack = json!({"id": shown["id"], "ack": 2});
    let reply = simulator.http().post(&format!("/phones/{}/ack", phone.number), &ack);
    assert!(reply.status < 300, "{reply:?}");
    drover.wait_state(&id, "delivered", story::TO_ACK);
    drover.stop();
}
