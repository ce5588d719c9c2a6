//! Faults when they hurt most: in the middle of a launch or of a stop, and two at once.

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Scene, TO_RECOVER, heals, heals_with, watchful};
use crate::support::{home::wait_gone, process::Process, story, wait_until};

/// What a stop may take, whatever happens (issue 4).
const STOP: Duration = Duration::from_secs(15);

/// The browser that follows `old`, in the moment in which it can first be seen.
#[track_caller]
fn successor(scene: &Scene<'_>, old: &Process) -> Process {
    wait_until("another browser starts", TO_RECOVER, || scene.home.browser_of("shop").filter(|new| new != old))
}

#[test]
fn a_browser_killed_while_it_launches_again_and_again() {
    heals("15550009201", |scene| {
        let mut browser = scene.home.browser_of("shop").expect("a browser runs");
        scene.drover.order("shop", "restart");
        for _ in 0..3 {
            browser = successor(scene, &browser);
            browser.signal(Signal::SIGKILL);
        }
    });
}

#[test]
fn a_browser_stopped_while_it_launches() {
    let settings = |home: &_| {
        watchful(home);
        home.set("DROVER_BROWSER__LAUNCH_TIMEOUT_S", "4");
    };
    heals_with("15550009202", settings, |scene| {
        let browser = scene.home.browser_of("shop").expect("a browser runs");
        scene.drover.order("shop", "restart");
        successor(scene, &browser).signal(Signal::SIGSTOP);
    });
}

#[test]
fn a_browser_that_stands_still_when_it_is_to_stop() {
    heals("15550009203", |scene| {
        let browser = scene.home.browser_of("shop").expect("a browser runs");
        browser.signal(Signal::SIGSTOP);
        let began = Instant::now();
        assert_eq!(scene.drover.order("shop", "stop")["status"], "STOPPED");
        assert!(began.elapsed() < STOP, "{:?}", began.elapsed());
        wait_gone("the browser", STOP, &browser);
        scene.drover.order("shop", "start");
    });
}

#[test]
fn a_browser_killed_while_it_stops() {
    heals("15550009204", |scene| {
        let browser = scene.home.browser_of("shop").expect("a browser runs");
        thread::scope(|scope| {
            let stopping = scope.spawn(|| scene.drover.order("shop", "stop"));
            wait_until("it stops", STOP, || (scene.drover.session("shop")["state"] == "stopped").then_some(()));
            browser.signal(Signal::SIGKILL);
            assert_eq!(stopping.join().expect("it was answered")["status"], "STOPPED");
        });
        wait_gone("the browser", STOP, &browser);
        scene.drover.order("shop", "start");
    });
}

#[test]
fn a_restart_in_the_middle_of_a_recovery() {
    heals("15550009205", |scene| {
        scene.home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
        wait_until("the loss is noticed", TO_RECOVER, || {
            (scene.drover.session("shop")["state"] == "reconnecting").then_some(())
        });
        scene.drover.order("shop", "restart");
        scene.drover.order("shop", "stop");
        scene.drover.order("shop", "start");
    });
}

#[test]
fn a_killed_browser_while_the_server_refuses() {
    heals("15550009206", |scene| {
        scene.phone.fault(json!({"refuse_socket_ms": 10_000, "drop_socket": true}));
        scene.home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
    });
}

#[test]
fn a_killed_browser_and_a_killed_redis() {
    heals("15550009207", |scene| {
        scene.phone.fault(json!({"ack_delay_ms": 1_000}));
        let id = scene.send("in flight");
        wait_until("the server has it", story::TO_ACK, || scene.phone.sent_with("in flight").pop());
        scene.home.redis().expect("a private Redis runs").signal(Signal::SIGKILL);
        scene.home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
        scene.simulator.clear_faults();
        scene.arrives(&id, "in flight");
    });
}

#[test]
fn a_killed_browser_right_after_an_ack_was_withheld() {
    heals("15550009208", |scene| {
        scene.phone.fault(json!({"stay_at_ack": 0}));
        let id = scene.send("withheld");
        wait_until("the server has it", story::TO_ACK, || scene.phone.sent_with("withheld").pop());
        scene.home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
        scene.simulator.clear_faults();
        scene.arrives(&id, "withheld");
        assert_ne!(scene.drover.message(&id)["ack"], Value::Null);
    });
}
