//! In the moment in which a phone has been linked: killed, when Chromium has not written the login to the disk yet; or hung for good,
//! when the page may only bring in its history.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{BOB, TO_RECOVER, watchful};
use crate::support::{DevTools, Drover, Home, Phone, Simulator, home::wait_gone, story, wait_until};

const COPY: &str = "drover-login.json";

/// Hands a text in and waits until it has arrived, without a scan.
#[track_caller]
fn is_as_before(drover: &Drover<'_>, phone: &Phone<'_>) {
    let events = drover.events();
    let id = drover.send_text("shop", BOB, "still linked")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, TO_RECOVER);
    phone.shown_once("still linked");
    assert_eq!(events.count("qr"), 0, "the login was kept: {:?}", events.all());
}

#[test]
fn a_browser_killed_right_after_linking_keeps_the_login() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    watchful(&home);
    let drover = home.start();
    let phone = simulator.phone("15550009401", "Ana");
    story::link(&drover, "shop", &phone);
    home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
    is_as_before(&drover, &phone);
    drover.order("shop", "stop");
    assert!(!home.profile("shop").join(COPY).exists(), "a browser that closed in order has written all");

    // What was copied before a logout does not come back after it.
    drover.order("shop", "start");
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    drover.order("shop", "logout");
    story::wait_qr(&drover, "shop");
    drover.stop();
}

#[test]
fn a_drover_killed_with_its_browser_right_after_linking_keeps_the_login() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    watchful(&home);
    let drover = home.start();
    let phone = simulator.phone("15550009402", "Ana");
    story::link(&drover, "shop", &phone);
    let browser = home.browser_of("shop").expect("a browser runs");
    browser.signal(Signal::SIGKILL);
    drover.crash();
    let drover = home.start();
    is_as_before(&drover, &phone);
    drover.stop();
}

#[test]
fn a_copy_that_cannot_be_read_is_told_and_left_out() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    watchful(&home);
    let drover = home.start();
    let phone = simulator.phone("15550009403", "Ana");
    story::link(&drover, "shop", &phone);
    drover.order("shop", "stop");
    fs::write(home.profile("shop").join(COPY), "[[\"half").expect("the profile takes files");
    drover.order("shop", "start");
    is_as_before(&drover, &phone);
    wait_until("it is told", TO_RECOVER, || {
        drover.log().text().contains("the copy of the login is broken").then_some(())
    });
    drover.stop();
}

#[test]
fn a_page_that_hangs_for_good_is_replaced_when_the_time_for_its_history_is_over() {
    const HISTORY: Duration = Duration::from_secs(180);
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    watchful(&home);
    let drover = home.start();
    let names = ["loops", "stopped"];
    let phones = ["15550009404", "15550009405"].map(|number| simulator.phone(number, "Ana"));
    for (name, phone) in names.iter().zip(&phones) {
        story::link(&drover, name, phone);
    }
    let linked = Instant::now();
    let events = drover.events();
    let browsers = names.map(|name| home.browser_of(name).expect("a browser runs"));
    DevTools::attach(&home.profile("loops")).loop_for_ever();
    browsers[1].signal(Signal::SIGSTOP);
    let ids =
        names.map(|name| drover.send_text(name, BOB, "for whom it hangs")["id"].as_str().expect("an id").to_owned());
    for name in names {
        wait_until("that it hangs shows", TO_RECOVER, || (drover.session(name)["degraded"] == true).then_some(()));
    }
    for browser in &browsers {
        wait_gone("the browser", HISTORY + TO_RECOVER, browser);
    }
    // They were linked one after the other.
    assert!(linked.elapsed() > HISTORY - story::TO_READY, "it was left alone: {:?}", linked.elapsed());
    for ((name, phone), id) in names.iter().zip(&phones).zip(&ids) {
        drover.wait_ack(id, 1, TO_RECOVER);
        drover.wait_status(name, "WORKING", TO_RECOVER);
        phone.shown_once("for whom it hangs");
    }
    assert_eq!(events.count("qr"), 0, "the logins were kept: {:?}", events.all());
    drover.stop();
}
