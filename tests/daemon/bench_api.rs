//! `make bench-api`: the list of a thousand sessions, a thousand listeners of events, and the dashboard's weight and first paint.
//! Nothing fails on a time. A short one of it, which looks only at what is answered and heard, is an ordinary test.

mod listeners;
mod load;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    dashboard_bench,
    support::{Drover, Home},
};
use listeners::Listeners;
use load::Load;

const MB: f64 = 1_048_576.0;
/// Of an admin key, in a minute: the limit counts all the while, and refuses nobody.
const ADMIN_PER_MINUTE: u32 = 100_000;

/// What is done.
struct Plan {
    sessions: usize,
    load: Load,
    listeners: usize,
    events: usize,
    /// Between two events.
    pause: Duration,
}

/// What was measured of the events.
struct Fanout {
    grown_mb: f64,
    /// From an event's commit until the last of all heard it, in milliseconds, in order.
    delays_ms: Vec<i64>,
}

#[test]
fn many_lists_are_answered_and_every_listener_hears_every_event_once() {
    let load = Load { per_second: 100, requests: 200, connections: 8 };
    let plan = Plan { sessions: 40, load, listeners: 30, events: 20, pause: Duration::from_millis(10) };
    let home = home();
    let drover = ready(&home, plan.sessions);
    let latencies = plan.load.run(&drover);
    assert_eq!(latencies.len(), plan.load.requests);
    assert_eq!(fan_out(&drover, &plan).delays_ms.len(), plan.events);

    // What is kept of the list is never older than the sessions.
    let names = |path: &str| {
        let list = drover.api().get(path).expect(200);
        let names = list.as_array().expect("a list").iter().map(|one| one["name"].as_str().expect("a name").to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("/api/sessions").len(), 0, "none of them runs");
    drover.api().delete("/api/sessions/session-0000").expect(200);
    drover.api().put("/api/sessions/session-0001", &json!({"config": {"metadata": {"team": "sales"}}})).expect(200);
    let listed = drover.api().get("/api/sessions?all=true").expect(200);
    assert_eq!(names("/api/sessions?all=true").len(), plan.sessions - 1);
    for one in listed.as_array().expect("a list") {
        let name = one["name"].as_str().expect("a name");
        assert_eq!(one, &drover.session(name), "the list shows what the session does");
    }
    assert_eq!(listed[0]["config"]["metadata"]["team"], "sales");
    drover.stop();
}

#[test]
#[ignore = "a benchmark: make bench-api"]
fn bench_api() {
    let load = Load { per_second: 500, requests: 15_000, connections: 32 };
    let plan = Plan { sessions: 1_000, load, listeners: 1_000, events: 100, pause: Duration::from_millis(200) };
    let home = home();
    println!(
        "rate.admin_per_minute is {ADMIN_PER_MINUTE} for it, so that the load's own key is not refused; no limit is passed by"
    );
    let drover = ready(&home, plan.sessions);
    let mut latencies = plan.load.run(&drover);
    latencies.sort_unstable();
    let of_list = |share: f64| at(&latencies, share).as_secs_f64() * 1_000.0;
    let fanout = fan_out(&drover, &plan);
    let of_events = |share: f64| at(&fanout.delays_ms, share);
    let page = dashboard_bench::measure(&drover);
    drover.stop();

    let p99_ms = of_list(0.99);
    let list_bytes = plan.load.answer_bytes();
    println!("\n                                       wanted   measured");
    println!(
        "GET /api/sessions?all=true, p99       < 20 ms   {p99_ms:.1} ms (p50 {:.1}, max {:.1}; {} of {list_bytes} bytes at {} a second)",
        of_list(0.5),
        of_list(1.0),
        latencies.len(),
        plan.load.per_second
    );
    println!(
        "event until {} listeners have it  < 100 ms   {} ms in the median (max {}; {} events)",
        plan.listeners,
        of_events(0.5),
        of_events(1.0),
        plan.events
    );
    println!("memory of {} listeners            < 40 MB   {:.1} MB", plan.listeners, fanout.grown_mb);
    println!("dashboard over the wire               < 60 kB   {:.1} kB", page.kilobytes);
    println!(
        "dashboard's first paint              < 300 ms   {:.0} ms in the median (max {:.0})",
        page.median_ms, page.worst_ms
    );
    keep(&json!({
        "sessions_p99_ms": rounded(p99_ms),
        "sse_fanout_p50_ms": of_events(0.5),
        "sse_memory_mb": rounded(fanout.grown_mb),
        "dashboard_kb": rounded(page.kilobytes),
        "first_paint_ms": rounded(page.median_ms),
    }));
}

fn home() -> Home {
    let home = Home::bare();
    home.set("DROVER_LOG__LEVEL", "info");
    home.set("DROVER_RATE__ADMIN_PER_MINUTE", &ADMIN_PER_MINUTE.to_string());
    home
}

/// So many sessions that are registered and were never started.
fn ready(home: &Home, sessions: usize) -> Drover<'_> {
    let drover = home.start();
    let began = Instant::now();
    for number in 0..sessions {
        let session = json!({"name": format!("session-{number:04}"), "start": false});
        drover.api().post("/api/sessions", &session).expect(201);
    }
    println!("{sessions} sessions registered within {:.1} s", began.elapsed().as_secs_f64());
    drover
}

/// Pauses and resumes a queue, of which everybody is to hear.
fn fan_out(drover: &Drover<'_>, plan: &Plan) -> Fanout {
    drover.forget_peak();
    let before = drover.peak_bytes();
    let listeners = Listeners::connect(drover, plan.listeners);
    for number in 0..plan.events {
        let what = if number % 2 == 0 { "pause" } else { "resume" };
        drover.api().post(&format!("/api/queue/{what}?session=session-0001"), &Value::Null).expect(201);
        std::thread::sleep(plan.pause);
    }
    let delays_ms = listeners.wait_for(plan.events);
    Fanout { grown_mb: drover.peak_bytes().saturating_sub(before) as f64 / MB, delays_ms }
}

fn at<T: Copy>(sorted: &[T], share: f64) -> T {
    let index = (sorted.len() as f64 * share) as usize;
    sorted[index.min(sorted.len() - 1)]
}

fn rounded(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

fn keep(figures: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/api.json");
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the target folder takes folders");
    fs::write(&path, format!("{figures:#}\n")).expect("a new file");
    println!("{}: {figures}", path.display());
}
