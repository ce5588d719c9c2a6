//! Several clients at once, each with random orders to the same few sessions: every one is answered in time and without an error of
//! drover's own, the sessions end as the last accepted order says, and nothing is left. STRESS_SEED repeats a run, as far as threads
//! let themselves be repeated.

mod orders;
mod stop;

use std::{
    collections::BTreeSet,
    env, process, thread,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;

use crate::support::{Drover, Home, Simulator, story, wait_until_ok};
use orders::{Client, Done, Wanted};

const CLIENTS: u64 = 5;
const ORDERS_EACH: usize = 100;
const SESSIONS: [&str; 5] = ["s1", "s2", "s3", "s4", "s5"];
/// The promise is 15 s; the rest is for what else two cores do meanwhile.
const ANSWER: Duration = Duration::from_secs(20);
/// From the last order until the sessions are where it wants them.
const TO_SETTLE: Duration = Duration::from_secs(90);

#[test]
fn five_hundred_random_orders_leave_five_sessions_consistent() {
    let seed = env::var("STRESS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(u64::from(process::id()));
    println!("STRESS_SEED={seed}");
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    for session in SESSIONS {
        story::link(&drover, session, &simulator.phone(&orders::number_of(session), "Ana"));
    }
    let began = Instant::now();
    let done: Vec<Done> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let rng = StdRng::seed_from_u64(seed.wrapping_add(number));
                let client = Client::new(&drover, &simulator, rng, began);
                scope.spawn(move || client.give(ORDERS_EACH))
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("its panic is printed")).collect()
    });
    println!("{} orders in {:.1} s", done.len(), began.elapsed().as_secs_f64());
    orders::print_table(&done);
    let wrong: Vec<&Done> = done.iter().filter(|done| done.took() > ANSWER || !done.is_well()).collect();
    assert!(wrong.is_empty(), "STRESS_SEED={seed}: {wrong:#?}");
    for session in SESSIONS {
        settles(&drover, session, &orders::possible_ends(&done, session));
    }
    for session in SESSIONS {
        if drover.api().get(&format!("/api/sessions/{session}")).status == 200 {
            let began = Instant::now();
            assert_eq!(drover.order(session, "stop")["status"], "STOPPED");
            assert!(began.elapsed() < stop::LIMIT, "{session} took {:?}", began.elapsed());
        }
    }
    drover.wait_no_zombies();
    drover.stop();
}

/// Waits until the session is as one of those orders wants it that may have been the last.
#[track_caller]
fn settles(drover: &Drover<'_>, session: &str, possible: &BTreeSet<Wanted>) {
    wait_until_ok(&format!("{session} is one of {possible:?}"), TO_SETTLE, || {
        let reply = drover.api().get(&format!("/api/sessions/{session}"));
        let view = if reply.status == 404 { Value::Null } else { reply.json() };
        let has_browser = drover.home().browser_of(session).is_some();
        let is = match (view["status"].as_str(), view["desired"].as_str()) {
            (None, _) if !has_browser && !drover.home().profile(session).exists() => Some(Wanted::Gone),
            (Some("STOPPED"), Some("stopped")) if !has_browser => Some(Wanted::Stopped),
            (Some("SCAN_QR_CODE" | "WORKING"), Some("running")) if has_browser => Some(Wanted::Running),
            _ => None,
        };
        if is.is_some_and(|is| possible.contains(&is)) { Ok(()) } else { Err((view, has_browser)) }
    });
}
