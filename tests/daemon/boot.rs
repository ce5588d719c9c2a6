//! Boot: every session that should run is ready again by itself, a few at a time; one whose page never loads delays nobody, a page that
//! was just linked slows others down, and who has to wait says why.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use crate::support::{Drover, Home, Simulator, story, wait_until_ok};
use serde_json::{Value, json};

/// Links this many sessions and waits until not even a crash takes a login away.
fn link_all(simulator: &Simulator, drover: &Drover<'_>, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("s{number:02}")).collect();
    for name in &names {
        drover.create(name);
    }
    for (number, name) in names.iter().enumerate() {
        simulator.phone(&format!("1555300{number:04}"), name).scan(&story::read_qr(drover, name));
    }
    for name in &names {
        drover.wait_status(name, "WORKING", story::TO_READY);
    }
    names
}

/// Waits until all of these are WORKING; gives how long each took since `began`.
fn times_to_ready(
    drover: &Drover<'_>,
    names: &[String],
    began: Instant,
    limit: Duration,
) -> BTreeMap<String, Duration> {
    let mut ready = BTreeMap::new();
    while ready.len() < names.len() {
        let sessions = drover.api().get("/api/sessions?all=true").expect(200);
        let all = sessions.as_array().expect("a list");
        for session in all.iter().filter(|session| session["status"] == "WORKING") {
            let name = session["name"].as_str().expect("a name");
            if names.iter().any(|wanted| wanted == name) {
                ready.entry(name.to_owned()).or_insert_with(|| began.elapsed());
            }
        }
        assert!(began.elapsed() < limit, "not all are ready after {limit:?}: {sessions}");
        thread::sleep(Duration::from_millis(50));
    }
    ready
}

#[test]
fn a_page_that_never_loads_delays_nobody() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_ADMISSION__STARTS", "2");
    home.set("DROVER_ADMISSION__HOLD_S", "30");
    home.set("DROVER_BROWSER__LOAD_TIMEOUT_S", "300");
    let drover = home.start();
    let names = link_all(&simulator, &drover, 4);
    drover.stop();

    // The first in the queue.
    simulator.fault(&json!({"number": "15553000000", "slow_load_ms": 600_000}));
    let began = Instant::now();
    let drover = home.start();
    let others = times_to_ready(&drover, &names[1..], began, Duration::from_secs(25));
    assert_eq!(others.len(), 3, "none of them waited for its place to be given up");
    assert_eq!(drover.session("s00")["state"], "loading", "it is still at it");
    assert!(drover.stop() < Duration::from_secs(15));
}

#[test]
fn who_waits_for_a_turn_or_for_memory_says_so_and_can_be_stopped() {
    let simulator = Simulator::start();
    simulator.fault(&json!({"slow_load_ms": 3_000}));
    let home = Home::with(&simulator);
    home.set("DROVER_ADMISSION__STARTS", "1");
    let drover = home.start();
    drover.create("first");
    drover.create("second");
    let waits = |session: &str, code: &str| {
        wait_until_ok(&format!("{session} is {code}"), story::TO_QR, || {
            let view = drover.session(session);
            if view["reason"]["code"] == code { Ok(view) } else { Err(view) }
        })
    };
    let view = waits("second", "waiting_for_its_turn");
    assert_eq!((&view["state"], &view["status"]), (&json!("launching"), &json!("STARTING")));
    // Its turn comes.
    story::wait_qr(&drover, "second");
    drover.stop();

    home.set("DROVER_ADMISSION__MEMORY_RESERVE_MB", "1048576");
    let drover = home.start();
    let waits = |session: &str| {
        wait_until_ok(&format!("{session} waits for memory"), story::TO_QR, || {
            let view = drover.session(session);
            if view["reason"]["code"] == "waiting_for_memory" { Ok(view) } else { Err(view) }
        })
    };
    waits("first");
    let view: Value = waits("second");
    assert_eq!(view["state"], "launching");
    assert!(home.browser_of("second").is_none(), "nothing is started");
    let began = Instant::now();
    drover.order("second", "stop");
    assert!(began.elapsed() < Duration::from_secs(5));
    drover.wait_status("second", "STOPPED", story::TO_STOP);
    assert!(drover.stop() < Duration::from_secs(15));
}

#[test]
fn pages_that_bring_in_their_history_leave_other_starts_one_at_a_time() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_ADMISSION__STARTS", "3");
    let drover = home.start();
    let linked = link_all(&simulator, &drover, 2);
    let browsers = || linked.iter().map(|name| home.browser_of(name)).collect::<Vec<_>>();
    let before = browsers();

    simulator.fault(&json!({"slow_load_ms": 4_000}));
    drover.create("next");
    drover.create("last");
    wait_until_ok("the last one waits for them", story::TO_QR, || {
        let view = drover.session("last");
        if view["reason"]["code"] == "waiting_for_linking" { Ok(()) } else { Err(view) }
    });
    assert!(home.browser_of("last").is_none(), "{}", drover.session("last"));
    story::wait_qr(&drover, "next");
    story::wait_qr(&drover, "last");
    assert_eq!(browsers(), before, "who was linked just now was left alone");
    drover.stop();
}

/// `make bench-boot`: how long it takes until kept logins are ready again. Nothing fails on a time.
#[test]
#[ignore = "a benchmark: make bench-boot"]
fn bench_boot() {
    let count = std::env::var("SESSIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(20);
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    for (name, value) in
        std::env::vars().filter(|(name, _)| name.starts_with("DROVER_ADMISSION__") || name == "DROVER_BROWSER__ARGS")
    {
        home.set(&name, &value);
    }
    let drover = home.start();
    let names = link_all(&simulator, &drover, count);
    println!("{count} sessions linked; ended in {:.1} s", drover.stop().as_secs_f64());
    let began = Instant::now();
    let drover = home.start();
    println!("drover answers after {:.1} s", began.elapsed().as_secs_f64());
    let ready = times_to_ready(&drover, &names, began, Duration::from_secs(600));
    let mut times: Vec<f64> = ready.values().map(Duration::as_secs_f64).collect();
    times.sort_by(f64::total_cmp);
    for (name, time) in &ready {
        println!("  {name} {:.1} s", time.as_secs_f64());
    }
    println!("ready: p50 {:.1} s, max {:.1} s, all {}", times[times.len() / 2], times[times.len() - 1], times.len());
    println!("ended in {:.1} s", drover.stop().as_secs_f64());
}
