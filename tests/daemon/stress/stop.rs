//! `stop` in every state that a session can be in.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Drover, Home, Phone, Simulator, story, wait_until_ok};

/// What a stop may take, in whatever state (issue 4).
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// Waits for the state, and stops the session in it.
#[track_caller]
fn stop_in(drover: &Drover<'_>, state: &str) {
    wait_until_ok(&format!("it is {state}"), story::TO_READY, || {
        let view = drover.session("shop");
        if view["state"] == state { Ok(()) } else { Err(view) }
    });
    let began = Instant::now();
    let stopped = drover.order("shop", "stop");
    let took = began.elapsed();
    println!("{state}: {took:?}");
    assert!(took < LIMIT, "in {state} it took {took:?}");
    assert_eq!((&stopped["status"], &stopped["desired"]), (&json!("STOPPED"), &json!("stopped")), "in {state}");
    assert!(drover.home().browser_of("shop").is_none(), "in {state} it leaves no browser");
}

#[test]
fn it_works_in_every_state() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_KEEPALIVE__BACKOFF_S", "20");
    home.set("DROVER_KEEPALIVE__BACKOFF_MAX_S", "60");
    let drover = home.start();
    let phone = simulator.phone("15550007101", "Ana");
    while_linking(&simulator, &drover, &phone);
    while_linked(&simulator, &home, &drover, &phone);
    drover.wait_no_zombies();
    drover.stop();
}

fn while_linking(simulator: &Simulator, drover: &Drover<'_>, phone: &Phone<'_>) {
    drover.create("shop");
    stop_in(drover, "launching");
    stop_in(drover, "stopped");
    simulator.fault(&json!({"slow_load_ms": 30_000}));
    drover.order("shop", "start");
    stop_in(drover, "loading");
    simulator.clear_faults();
    drover.order("shop", "start");
    stop_in(drover, "awaiting_scan");

    drover.order("shop", "start");
    phone.scan(&story::read_qr(drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    drover.home().wait_login_written("shop", &phone.number);
    stop_in(drover, "ready");
}

fn while_linked(simulator: &Simulator, home: &Home, drover: &Drover<'_>, phone: &Phone<'_>) {
    phone.fault(json!({"never_sync": true}));
    drover.order("shop", "start");
    stop_in(drover, "syncing");
    simulator.clear_faults();

    let ready = || {
        drover.order("shop", "start");
        drover.wait_status("shop", "WORKING", story::TO_READY);
    };
    // With a browser whose page has no connection, and without a browser before the next try.
    ready();
    phone.fault(json!({"refuse_socket_ms": 60_000, "drop_socket": true}));
    stop_in(drover, "reconnecting");
    simulator.clear_faults();
    ready();
    home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
    stop_in(drover, "reconnecting");

    // A profile that cannot be used needs a person.
    let (profile, aside) = (home.profile("shop"), home.path().join("aside"));
    fs::rename(&profile, &aside).expect("one disk");
    fs::write(&profile, "").expect("the data folder takes files");
    drover.order("shop", "start");
    stop_in(drover, "failed");
    fs::remove_file(&profile).expect("it is ours");
    fs::rename(&aside, &profile).expect("one disk");
    ready();
    phone.unlink();
    wait_until_ok("the login is lost", story::TO_READY, || {
        let view = drover.session("shop");
        if view["me"].is_null() { Ok(()) } else { Err(view) }
    });
    stop_in(drover, "awaiting_scan");
}
