//! Two drovers on one data folder, as when a platform starts the new container before it ends the old one: the new one waits,
//! visibly and healthily, and no login and no message is lost on the way.

use std::{fs, time::Duration};

use crate::support::{Client, Home, Simulator, servers::free_port, story, wait_until, wait_until_ok};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

const BOB: &str = "15559990011@c.us";

#[test]
fn the_new_one_waits_while_its_readiness_is_good_and_then_takes_over() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_LIMITS__GAP_MS", "1500");
    let old = home.start();
    let phone = simulator.phone("15550006011", "Ana");
    story::link_for_good(&old, "shop", &phone);

    let port = free_port();
    home.set("PORT", &port.to_string());
    let mut new = home.launch();
    let key = fs::read_to_string(home.data().join("admin.key")).expect("the admin key");
    let api = Client::new(&format!("http://127.0.0.1:{port}"), Some(key.trim()));
    let waiting = wait_until_ok("the new one answers", Duration::from_secs(20), || {
        let reply = api.try_request("GET", "/health/ready", &[], None).map_err(|error| error.to_string())?;
        if reply.status == 200 { Ok(reply.json()) } else { Err(reply.text()) }
    });
    assert_eq!(waiting["status"], "waiting");
    assert_eq!(api.get("/health/live").status, 200);
    let refused = api.post("/api/sendText", &json!({"session": "shop", "chatId": BOB, "text": "too early"}));
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["code"], "waiting_for_data_folder");
    assert!(refused.header("retry-after").is_some());
    let checked = home.run(&["health"]);
    assert_eq!((checked.code, checked.out.trim()), (Some(0), "waiting"));
    assert!(new.log().text().contains("another drover has the data folder"), "it says what it waits for");

    let texts: Vec<String> = (1..=4).map(|number| format!("across the redeploy {number}")).collect();
    let ids: Vec<Value> = texts.iter().map(|text| old.send_text("shop", BOB, text)["id"].clone()).collect();
    wait_until("the first is on its way", story::TO_ACK, || phone.sent_with(&texts[0]).pop());
    old.stop();

    new.serves();
    new.wait_status("shop", "WORKING", story::TO_READY);
    for (id, text) in ids.iter().zip(&texts) {
        new.wait_ack(id.as_str().expect("an id"), 1, story::TO_READY);
        phone.shown_once(text);
    }
    assert_eq!(home.run(&["health", "--live"]).code, Some(0));
    new.stop();
    assert_eq!(home.run(&["health"]).code, Some(3), "nobody answers any more");
}

#[test]
fn a_wait_has_an_end_and_can_be_interrupted() {
    let home = Home::bare();
    let old = home.start();
    home.set("DROVER_DATA__LOCK_WAIT_S", "1");
    home.set("DROVER_LOG__LEVEL", "error");
    let refusal = home.start_refused();
    let line = refusal.one_line();
    for words in ["in use by another drover", &format!("process {}", old.pid()), "DROVER_DATA_DIR"] {
        assert!(line.contains(words), "{words:?} in: {line}");
    }

    home.set("DROVER_DATA__LOCK_WAIT_S", "300");
    home.set("DROVER_LOG__LEVEL", "info");
    let new = home.launch();
    wait_until("it waits", Duration::from_secs(20), || {
        new.log().text().contains("another drover has the data folder").then_some(())
    });
    kill(Pid::from_raw(new.pid()), Signal::SIGTERM).expect("it runs");
    new.ended(0, Duration::from_secs(5));
    assert!(old.try_ping(), "the old one was not touched");
    old.stop();
}
