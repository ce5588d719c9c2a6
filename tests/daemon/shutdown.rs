//! SIGTERM ends everything in order (API, senders, browsers, Redis, store) within 15 s, and leaves nothing.

use std::time::Duration;

use crate::support::{Home, Simulator, story, wait_until};
use nix::sys::signal::Signal;
use serde_json::json;

const BOB: &str = "15559990001@c.us";

#[test]
fn the_api_goes_first_then_the_browser_then_redis() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550006001", "Ana");
    story::link(&drover, "shop", &phone);
    let browser = home.browser_of("shop").expect("a browser runs");
    let redis = home.redis().expect("a private Redis runs");

    let mut ending = drover.terminate();
    // In which look each was first seen to be gone. They are looked at from the last to the first: what is gone in a look was gone before
    // the same look came to its predecessor, so that the order holds however long a look takes.
    let mut looks = 0;
    let (mut api_gone, mut browser_gone, mut redis_gone) = (None, None, None);
    wait_until("drover ends", Duration::from_secs(15), || {
        looks += 1;
        if redis_gone.is_none() && !redis.runs() {
            redis_gone = Some(looks);
        }
        if browser_gone.is_none() && !browser.runs() {
            browser_gone = Some(looks);
        }
        if api_gone.is_none() && !ending.answers() {
            api_gone = Some(looks);
        }
        (!ending.runs()).then_some(())
    });
    let took = ending.finish();
    assert!(took < Duration::from_secs(15), "{took:?}");
    let browser_gone = browser_gone.expect("the browser ended before drover did");
    assert!(api_gone.is_some_and(|gone| gone <= browser_gone), "the API closes before the browser");
    assert!(redis_gone.is_none_or(|gone| browser_gone <= gone), "the browser ends before Redis");
    home.assert_nothing_left();
}

#[test]
fn a_message_in_flight_is_waited_for_and_the_rest_stays_queued() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_LIMITS__GAP_MS", "8000");
    let drover = home.start();
    let phone = simulator.phone("15550006002", "Ana");
    story::link(&drover, "shop", &phone);
    phone.fault(json!({"ack_delay_ms": 1500}));
    let first = drover.send_text("shop", BOB, "in flight")["id"].as_str().expect("an id").to_owned();
    let second = drover.send_text("shop", BOB, "in the queue")["id"].as_str().expect("an id").to_owned();
    wait_until("the first is in flight", story::TO_ACK, || phone.sent_with("in flight").pop());
    let log = drover.log().clone();
    drover.stop();
    home.assert_nothing_left();
    assert!(!log.text().contains("when time ran out"), "with its ack the sender ends, long before its time is over");

    home.set("DROVER_LIMITS__GAP_MS", "0");
    simulator.clear_faults();
    let drover = home.start();
    let message = drover.message(&first);
    assert!(message["ack"].as_i64() >= Some(1), "its ack was waited for before the browser was closed: {message}");
    drover.wait_ack(&second, 1, story::TO_READY);
    phone.shown_once("in flight");
    phone.shown_once("in the queue");
    drover.stop();
}

#[test]
fn a_browser_that_stands_still_does_not_hold_up_the_end() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550006003", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    home.browser_of("shop").expect("a browser runs").signal(Signal::SIGSTOP);
    drover.stop();
    home.assert_nothing_left();

    // Its login survived that end.
    let drover = home.start();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    drover.stop();
}

#[test]
fn a_start_can_be_interrupted_at_any_time() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    drover.create("one");
    drover.create("two");
    // Browsers are being launched just now.
    drover.stop();
    home.assert_nothing_left();
}

#[test]
fn a_send_in_flight_gets_most_of_the_grace_and_a_second_signal_takes_it_away() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550006004", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    // Longer than a browser may take to close, shorter than what is left of the grace beside.
    phone.fault(json!({"ack_delay_ms": 5000}));
    let patient = drover.send_text("shop", BOB, "five seconds for an ack")["id"].as_str().expect("an id").to_owned();
    wait_until("it is in flight", story::TO_ACK, || phone.sent_with("five seconds for an ack").pop());
    drover.stop();
    home.assert_nothing_left();

    simulator.clear_faults();
    let drover = home.start();
    let message = drover.message(&patient);
    assert!(message["ack"].as_i64() >= Some(1), "its ack was waited for: {message}");
    drover.wait_status("shop", "WORKING", story::TO_READY);
    phone.fault(json!({"ack_delay_ms": 20_000}));
    let hurried = drover.send_text("shop", BOB, "no time for an ack")["id"].as_str().expect("an id").to_owned();
    wait_until("it is in flight", story::TO_ACK, || phone.sent_with("no time for an ack").pop());
    let ending = drover.terminate();
    wait_until("the first signal is heard", Duration::from_secs(5), || {
        ending.log().text().contains("ending:").then_some(())
    });
    ending.terminate_again();
    let took = ending.finish();
    assert!(took < Duration::from_secs(6), "the rest of the grace is not waited for: {took:?}");
    home.assert_nothing_left();

    simulator.clear_faults();
    let drover = home.start();
    drover.wait_ack(&hurried, 1, story::TO_READY);
    phone.shown_once("no time for an ack");
    phone.shown_once("five seconds for an ack");
    drover.stop();
}
