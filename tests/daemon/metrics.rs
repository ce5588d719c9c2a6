//! `/metrics`, after a message went out: every figure is one of the catalogue's, with its labels and its HELP line, and the format is
//! Prometheus' own.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
};

use drover::telemetry::catalogue::{self, Kind, Metric};

use crate::support::{Home, Simulator, story, wait_until};

const BOB: &str = "15559990021@c.us";

/// One line: name, labels, value.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

fn parse(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("a value in {line:?}"));
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').expect("labels end")),
        None => (series, ""),
    };
    let labels = labels.split("\",").filter(|pair| !pair.is_empty()).map(|pair| {
        let (label, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("a label in {line:?}"));
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    });
    let value = value.parse().unwrap_or_else(|_| panic!("a number in {line:?}"));
    Sample { name: name.to_owned(), labels: labels.collect(), value }
}

/// The metric that a sample belongs to; a histogram's samples have endings and `le`.
fn metric_of(sample: &mut Sample) -> &'static Metric {
    let found = catalogue::all().find(|metric| metric.name == sample.name);
    found
        .or_else(|| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.name.strip_suffix(end))?;
            sample.labels.remove("le");
            catalogue::all().find(|metric| metric.name == base && metric.kind == Kind::Histogram)
        })
        .unwrap_or_else(|| panic!("{} is in no catalogue", sample.name))
}

fn check_with_promtool(text: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        println!("SKIPPED: promtool check metrics (Debian: apt-get install prometheus)");
        return;
    };
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("ours");
    let words = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "promtool check metrics:\n{words}");
}

#[test]
fn what_is_counted_is_what_is_documented() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550006021", "Ana");
    story::link(&drover, "shop", &phone);
    let id = drover.send_text("shop", BOB, "counted")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, story::TO_ACK);

    // The ack may be told by an event before the attempt itself is over.
    let text = wait_until("the attempt is counted", story::TO_ACK, || {
        let text = drover.api().get("/metrics").text();
        text.contains("drover_sends_total{").then_some(text)
    });
    check_with_promtool(&text);
    let lines_of = |kind: &str| -> BTreeMap<&str, &str> {
        text.lines().filter_map(|line| line.strip_prefix(kind)?.split_once(' ')).collect()
    };
    let (helps, types) = (lines_of("# HELP "), lines_of("# TYPE "));
    let mut samples: Vec<Sample> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(parse).collect();
    let mut seen = BTreeSet::new();
    for sample in &mut samples {
        let metric = metric_of(sample);
        seen.insert(metric.name);
        let labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
        let documented: BTreeSet<&str> = metric.labels.iter().copied().collect();
        assert_eq!(labels, documented, "{}", sample.name);
        assert_eq!(helps.get(metric.name).copied(), Some(metric.help), "{}", metric.name);
        assert_eq!(types.get(metric.name).copied(), Some(metric.kind.as_str()), "{}", metric.name);
    }

    let value = |name: &str, labels: &[(&str, &str)]| {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        };
        samples.iter().find(fits).map(|sample| sample.value)
    };
    for (name, labels) in [
        ("drover_sessions", &[("state", "ready")][..]),
        ("drover_sends_total", &[("session", "shop"), ("outcome", "sent")]),
        ("drover_send_seconds_count", &[("outcome", "sent")]),
        ("drover_send_wait_seconds_count", &[("priority", "normal")]),
        ("drover_build_info", &[("version", env!("CARGO_PKG_VERSION"))]),
        ("drover_redis_up", &[]),
    ] {
        assert_eq!(value(name, labels), Some(1.0), "{name}{labels:?} in {text}");
    }
    for (name, labels) in [
        ("drover_session_transitions_total", &[("to", "ready")][..]),
        ("drover_queue_claims_total", &[("session", "shop")]),
        ("drover_redis_call_seconds_count", &[]),
        ("drover_database_call_seconds_count", &[("operation", "write")]),
        ("drover_database_call_seconds_count", &[("operation", "read")]),
        ("drover_disk_available_bytes", &[]),
        ("drover_memory_available_bytes", &[]),
        ("process_resident_memory_bytes", &[]),
        ("process_open_fds", &[]),
        ("process_threads", &[]),
        ("process_start_time_seconds", &[]),
    ] {
        assert!(value(name, labels) > Some(0.0), "{name}{labels:?} in {text}");
    }
    for name in ["drover_zombie_processes", "drover_queue_waits_total", "drover_launch_wait_seconds"] {
        assert!(seen.contains(name), "{name}");
    }
    assert!(!text.contains("15559990021") && !text.contains("15550006021"), "no number is a label");

    // A session that goes takes its series along; what is counted of another one and of all of them stays.
    drover.create_stopped("stays");
    drover.api().delete("/api/sessions/shop").expect(200);
    let text = wait_until("no series is left of it", story::TO_ACK, || {
        let text = drover.api().get("/metrics").text();
        (!text.contains("session=\"shop\"")).then_some(text)
    });
    assert!(text.contains("drover_session_working{session=\"stays\"}"), "{text}");
    assert!(text.contains("drover_send_seconds_count{outcome=\"sent\"} 1"), "{text}");
    drover.stop();
}
