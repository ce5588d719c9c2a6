//! Sessions that sleep: what they keep, what wakes them, and those that were never started.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Home, Simulator, home::wait_gone, story, wait_until_ok};

const BOB: &str = "15559990001";

#[test]
fn a_session_sleeps_keeps_its_login_and_wakes_for_what_needs_its_page() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550011001", "Ana");

    // What is not linked yet, or was linked just now, is left alone.
    drover.create("shop");
    let qr = story::read_qr(&drover, "shop");
    let refused = drover.api().post("/api/sessions/shop/hibernate", &Value::Null).expect(422);
    assert_eq!(refused["code"], "wrong_state", "{refused}");
    phone.scan(&qr);
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let refused = drover.api().post("/api/sessions/shop/hibernate", &Value::Null).expect(422);
    assert_eq!(refused["state"], "ready", "it brings in its history: {refused}");
    drover.order("shop", "restart");
    drover.wait_status("shop", "WORKING", story::TO_READY);

    let events = drover.events();
    let browser = home.browser_of("shop").expect("a browser runs");
    let asleep = drover.order("shop", "hibernate");
    assert_eq!((&asleep["state"], &asleep["status"]), (&json!("hibernated"), &json!("STOPPED")), "{asleep}");
    assert_eq!((&asleep["desired"], &asleep["reason"]["code"]), (&json!("running"), &json!("asked")));
    assert_eq!(asleep["me"]["id"], "15550011001@c.us");
    wait_gone("the browser of the session that sleeps", story::TO_STOP, &browser);
    assert_eq!(drover.order("shop", "hibernate")["state"], "hibernated", "twice is once");
    events.wait_for("session.hibernated", story::TO_STOP, |event| event.name == "session.hibernated");

    // A message that is not due yet, or stands behind a pause, wakes nobody; one that is, does.
    drover.api().post("/api/queue/pause?session=shop", &Value::Null).expect(201);
    let sent = drover.send_text("shop", BOB, "wake up");
    assert_eq!(sent["_data"]["waiting"]["code"], "session_hibernated", "{sent}");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3_600);
    let body = json!({"session": "shop", "chatId": BOB, "text": "later", "sendAt": later.to_string()});
    drover.api().post("/api/sendText", &body).expect(201);
    crate::support::holds_for("it sleeps on", Duration::from_secs(1), || {
        drover.session("shop")["state"] == "hibernated"
    });
    phone.receive(BOB, "while you slept");
    drover.api().post("/api/queue/resume?session=shop", &Value::Null).expect(201);
    let id = sent["id"].as_str().expect("an id").rsplit('_').next().expect("a bare id").to_owned();
    drover.wait_ack(&id, 1, story::TO_READY);
    phone.shown_once("wake up");
    let woken = events.wait_for("session.woken", story::TO_READY, |event| event.name == "session.woken");
    assert_eq!(woken.data["payload"]["cause"], "message");
    events.wait_for("what came in meanwhile", story::TO_READY, |event| {
        event.name == "message" && event.data["payload"]["body"] == "while you slept"
    });
    assert_eq!(events.count("qr"), 0, "the login was kept");

    // So does a call that needs the page. And it sleeps on over a restart of drover.
    drover.order("shop", "hibernate");
    drover.stop();
    let drover = home.start();
    assert_eq!(drover.session("shop")["state"], "hibernated");
    assert!(home.browser_of("shop").is_none());
    drover.api().get("/api/shop/chats").expect(200);
    assert_eq!(drover.session("shop")["status"], "WORKING");
    drover.stop();
}

#[test]
fn a_session_that_was_never_started_starts_with_its_first_message_or_call() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_MEMORY__WAKE_EVERY_S", "6");
    home.set("DROVER_MEMORY__HIBERNATED_IS_WORKING", "true");
    let drover = home.start();
    let phone = simulator.phone("15550011002", "Ben");
    for name in ["first", "second"] {
        let made = drover.api().post("/api/sessions", &json!({"name": name, "start": false})).expect(201);
        assert_eq!((&made["state"], &made["reason"]["code"]), (&json!("stopped"), &json!("not_started")), "{made}");
    }
    let id = drover.send_text("first", BOB, "hello")["id"].as_str().expect("an id").to_owned();
    drover.wait_status("first", "SCAN_QR_CODE", story::TO_QR);
    phone.scan(&story::read_qr(&drover, "first"));
    drover.wait_ack(id.rsplit('_').next().expect("a bare id"), 1, story::TO_READY);
    assert_eq!(drover.session("first")["desired"], "running");

    // Whoever wants to scan need not start it either.
    assert!(!story::read_qr(&drover, "second").is_empty());
    drover.api().delete("/api/sessions/second").expect(200);

    // It wakes by itself to look for what came in.
    drover.order("first", "restart");
    drover.wait_status("first", "WORKING", story::TO_READY);
    let events = drover.events();
    drover.order("first", "hibernate");
    assert_eq!(drover.session("first")["status"], "WORKING", "as the setting says");
    phone.receive(BOB, "are you there?");
    events.wait_for("a visit", story::TO_READY, |event| {
        event.name == "session.woken" && event.data["payload"]["cause"] == "visit"
    });
    events.wait_for("what came in", story::TO_READY, |event| {
        event.name == "message" && event.data["payload"]["body"] == "are you there?"
    });
    wait_until_ok("it is ready", story::TO_READY, || {
        let view = drover.session("first");
        if view["state"] == "ready" { Ok(()) } else { Err(view) }
    });
    drover.stop();
}
