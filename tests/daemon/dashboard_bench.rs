//! `make bench-dashboard`: what the dashboard weighs and how soon it is seen. Nothing fails on a time.

use std::path::Path;

use serde_json::json;

use crate::{
    dashboard_weight::first_load_bytes,
    support::{Drover, Home, Person},
};

/// How many sessions there are: a full page of the overview.
const SESSIONS: usize = 100;
/// How often the page is opened.
const LOADS: usize = 11;

#[test]
#[ignore = "a benchmark: make bench-dashboard"]
fn bench_dashboard() {
    let home = Home::bare();
    let drover = home.start();
    for number in 0..SESSIONS {
        let session = json!({"name": format!("session-{number:03}"), "start": false});
        drover.api().post("/api/sessions", &session).expect(201);
    }
    let Page { kilobytes, median_ms, worst_ms } = measure(&drover);
    println!(
        "dashboard: {kilobytes:.1} kB over the wire; first paint {median_ms:.0} ms, at most {worst_ms:.0} ms ({LOADS} loads)"
    );

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/dashboard.json");
    std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder");
    let figures = json!({ "dashboard_kb": kilobytes, "first_paint_ms": median_ms, "sessions": SESSIONS });
    std::fs::write(&path, format!("{figures:#}\n")).expect("the figures are written");
    println!("written to {}", path.display());
    drover.stop();
}

/// The first load of the overview.
pub(crate) struct Page {
    /// Over the wire, with style, script and icon; a kilobyte has 1,000 bytes.
    pub(crate) kilobytes: f64,
    /// Until something is seen.
    pub(crate) median_ms: f64,
    pub(crate) worst_ms: f64,
}

/// Weighs the overview, and opens it again and again in a browser.
pub(crate) fn measure(drover: &Drover<'_>) -> Page {
    let key = drover.api().key().expect("a key").to_owned();
    let address = drover.api().base().trim_start_matches("http://").to_owned();
    let kilobytes = first_load_bytes(&address, &key) as f64 / 1_000.0;

    let mut person = Person::arrive(drover.api().base(), "en");
    person.sign_in(&key);
    let mut paints: Vec<f64> = (0..LOADS).map(|_| person.first_paint_ms("/dashboard")).collect();
    paints.sort_by(f64::total_cmp);
    Page { kilobytes, median_ms: paints[LOADS / 2], worst_ms: paints[LOADS - 1] }
}
