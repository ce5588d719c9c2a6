//! kill -9 of everything in turn: of drover, Chromium, its renderer and the private Redis, with messages queued and in flight.
//! Each message is shown exactly once, and every session is ready again by itself.

use std::{fs, time::Duration};

use crate::support::{Drover, Home, Phone, Simulator, home::wait_gone, story, wait_until, wait_until_ok};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const BOB: &str = "15559990001@c.us";

/// From a crash to WORKING again: noticing, backoff, a new browser, the login, the sync.
const TO_RECOVER: Duration = Duration::from_secs(90);

/// Queues texts to three chats; gives their ids and texts.
fn queue(drover: &Drover<'_>, count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|number| {
            let text = format!("message {number:02}");
            let answer = drover.send_text("shop", &format!("1555999000{}@c.us", number % 3), &text);
            (answer["id"].as_str().expect("an id").to_owned(), text)
        })
        .collect()
}

/// Waits until all are acknowledged, and asserts that each is shown once, under its id and in the order of its chat.
fn all_shown_once(simulator: &Simulator, drover: &Drover<'_>, phone: &Phone<'_>, queued: &[(String, String)]) {
    for (id, _) in queued {
        drover.wait_ack(id, 1, TO_RECOVER);
    }
    for (id, text) in queued {
        let shown = phone.shown_once(text);
        assert!(id.ends_with(shown["id"].as_str().expect("an id")), "{id} was sent as {shown}");
    }
    let sent = phone.sent();
    for chat in 0..3 {
        let texts: Vec<&str> = queued.iter().skip(chat).step_by(3).map(|(_, text)| text.as_str()).collect();
        let shown: Vec<&str> =
            sent.iter().filter_map(|sent| sent["body"].as_str()).filter(|body| texts.contains(body)).collect();
        assert_eq!(shown, texts, "the order within a chat");
    }
    assert_eq!(simulator.stats()["duplicates"], 0);
}

#[test]
fn drover_killed_with_twenty_messages_queued_shows_each_exactly_once() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    // Slow enough that the kill finds most of them queued and one in flight.
    home.set("DROVER_LIMITS__GAP_MS", "100");
    let drover = home.start();
    let phone = simulator.phone("15550004001", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    phone.fault(json!({"ack_delay_ms": 300}));

    let queued = queue(&drover, 20);
    wait_until("the first ones are out", story::TO_ACK, || (phone.sent().len() >= 3).then_some(()));
    drover.crash();
    assert!(phone.sent().len() < 20, "the kill came before the last one");
    let drover = home.start();
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    all_shown_once(&simulator, &drover, &phone, &queued);
    drover.stop();
}

#[test]
fn drover_killed_while_a_message_is_in_flight_looks_it_up_first() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004002", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    phone.fault(json!({"stay_at_ack": 0}));

    let id = drover.send_text("shop", BOB, "in flight")["id"].as_str().expect("an id").to_owned();
    wait_until("the server has it", story::TO_ACK, || phone.sent_with("in flight").pop());
    drover.crash();
    simulator.clear_faults();
    let drover = home.start();
    let message = drover.wait_ack(&id, 1, TO_RECOVER);
    let shown = phone.shown_once("in flight");
    assert_eq!(message["key"], shown["key"], "under the key of the first attempt: {message}");
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn a_killed_browser_is_replaced_and_its_session_is_ready_by_itself() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004003", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    let events = drover.events();

    let browser = home.browser_of("shop").expect("a browser runs");
    browser.signal(Signal::SIGKILL);
    wait_until_ok("the loss is noticed", story::TO_QR, || {
        let view = drover.session("shop");
        if view["status"] == "STARTING" { Ok(()) } else { Err(view) }
    });
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    let successor = home.browser_of("shop").expect("a new browser runs");
    assert_ne!((browser.pid, browser.started), (successor.pid, successor.started));
    assert_eq!(events.count("qr"), 0, "the login was kept: {:?}", events.all());
    drover.wait_no_zombies();

    let id = drover.send_text("shop", BOB, "still here")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, story::TO_ACK);
    phone.shown_once("still here");
    drover.stop();
}

#[test]
fn a_browser_killed_mid_send_shows_each_message_once() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004004", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    phone.fault(json!({"ack_delay_ms": 300}));
    let queued = queue(&drover, 8);
    wait_until("the first ones are out", story::TO_ACK, || (phone.sent().len() >= 2).then_some(()));
    home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
    all_shown_once(&simulator, &drover, &phone, &queued);
    drover.stop();
}

#[test]
fn a_crashed_renderer_and_a_hung_page_are_replaced() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_BROWSER__CALL_TIMEOUT_S", "2");
    home.set("DROVER_KEEPALIVE__HEARTBEAT_S", "1");
    home.set("DROVER_KEEPALIVE__PING_S", "1");
    home.set("DROVER_KEEPALIVE__WATCHDOG_S", "4");
    let drover = home.start();
    let phone = simulator.phone("15550004005", "Ana");
    story::keep_login(&drover, "shop", &phone);
    for fault in [json!({"crash_renderer": true}), json!({"hang_page_ms": 600_000})] {
        let browser = home.browser_of("shop").expect("a browser runs");
        phone.fault(fault.clone());
        wait_gone(&format!("the browser with {fault}"), TO_RECOVER, &browser);
        simulator.clear_faults();
        drover.wait_status("shop", "WORKING", TO_RECOVER);
        let text = format!("after {fault}");
        let id = drover.send_text("shop", BOB, &text)["id"].as_str().expect("an id").to_owned();
        drover.wait_ack(&id, 1, TO_RECOVER);
        phone.shown_once(&text);
    }
    drover.wait_no_zombies();
    drover.stop();
}

#[test]
fn a_lost_connection_to_whatsapp_comes_back() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004006", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    phone.fault(json!({"drop_socket": true}));
    let id = drover.send_text("shop", BOB, "after the tunnel")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, TO_RECOVER);
    phone.shown_once("after the tunnel");
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    drover.stop();
}

#[test]
fn a_killed_redis_is_started_again_and_nothing_is_lost() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__RECONCILE_S", "1");
    home.set("DROVER_LIMITS__GAP_MS", "100");
    let drover = home.start();
    let phone = simulator.phone("15550004007", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    let mut queued = queue(&drover, 9);
    let redis = home.redis().expect("a private Redis runs");
    redis.signal(Signal::SIGKILL);
    // What is accepted while it is down waits in the database.
    let answer = drover.send_text("shop", BOB, "while it was down");
    queued.push((answer["id"].as_str().expect("an id").to_owned(), "while it was down".to_owned()));
    wait_until("another Redis runs", TO_RECOVER, || home.redis().filter(|successor| *successor != redis).map(drop));
    for (id, text) in &queued {
        drover.wait_ack(id, 1, TO_RECOVER);
        phone.shown_once(text);
    }
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn an_emptied_redis_loses_no_message() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004008", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    drover.order("shop", "stop");
    drover.wait_status("shop", "STOPPED", story::TO_STOP);
    let queued = queue(&drover, 6);
    drover.stop();
    fs::remove_dir_all(home.data().join("redis")).expect("the private Redis kept its files here");

    let drover = home.start();
    drover.order("shop", "start");
    all_shown_once(&simulator, &drover, &phone, &queued);
    drover.stop();
}

#[test]
fn every_part_that_dies_is_named_by_health() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let health = |expected: u16| {
        wait_until_ok(&format!("health is {expected}"), TO_RECOVER, || {
            let reply = drover.api().get("/health");
            if reply.status == expected { Ok(reply.json()) } else { Err(reply.text()) }
        })
    };
    assert_ne!(health(200), Value::Null);
    // A Redis that stands still is as bad as none.
    let redis = home.redis().expect("a private Redis runs");
    redis.signal(Signal::SIGSTOP);
    let ill = health(503);
    assert!(ill.to_string().contains("redis"), "it names the part: {ill}");
    redis.signal(Signal::SIGCONT);
    health(200);
    drover.stop();
}
