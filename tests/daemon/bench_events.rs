//! `make bench-events`: incoming messages through page, store and webhook, with a store that is full already; how long one takes from
//! its commit to its webhook; and what a large file costs in memory, both ways. Nothing fails on a time. A short one of it, which looks
//! only at what arrives, is an ordinary test.

mod full_store;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    kinds_media::serve,
    receiver::{Received, Receiver},
    support::{Drover, Home, Phone, Simulator, story},
};

const SESSION: &str = "bench";
const NUMBER: &str = "15550009001";
const MB: f64 = 1_048_576.0;
/// Those who write, each in a chat of their own.
const PEOPLE: usize = 100;
/// Who write at the same time.
const WRITERS: usize = 8;
/// A message is waited for no longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is done.
struct Plan {
    /// Rows in the store before anything comes in.
    rows: u32,
    /// Messages as fast as they go.
    messages: usize,
    /// Messages at [`Plan::per_second`].
    paced: usize,
    per_second: u32,
}

/// What was measured.
struct Figures {
    events_per_minute: f64,
    /// From the commit to the webhook's arrival.
    delays_ms: Vec<i64>,
}

#[test]
fn what_comes_in_fast_reaches_the_webhook_once_and_in_order() {
    let simulator = Simulator::start();
    let home = home(&simulator);
    let (drover, receiver) = ready(&simulator, &home, 20_000);
    let phone = simulator.phone(NUMBER, "Ana");
    measure(&phone, &receiver, &Plan { rows: 20_000, messages: 400, paced: 50, per_second: 100 });
    drover.stop();
}

#[test]
#[ignore = "a benchmark: make bench-events"]
fn bench_events() {
    let given = |name: &str, usual: u32| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let plan = Plan {
        rows: given("EVENTS_ROWS", 1_000_000),
        messages: given("EVENTS_MESSAGES", 10_000) as usize,
        paced: 3_000,
        per_second: 100,
    };
    let simulator = Simulator::start();
    let home = home(&simulator);
    let (drover, receiver) = ready(&simulator, &home, plan.rows);
    let phone = simulator.phone(NUMBER, "Ana");
    let figures = measure(&phone, &receiver, &plan);
    let media_mb = of_a_large_file(&drover, &phone, &receiver);
    let processor = processor_s(&drover);
    drover.stop();

    let p99_ms = percentile(&figures.delays_ms, 0.99);
    println!("\n{} rows in the store, one page:", plan.rows);
    println!("{} messages as fast as they go: {:.0} a minute", plan.messages, figures.events_per_minute);
    println!(
        "{} messages at {} a second, commit to webhook: p50 {} ms, p99 {p99_ms} ms, max {} ms",
        plan.paced,
        plan.per_second,
        percentile(&figures.delays_ms, 0.5),
        percentile(&figures.delays_ms, 1.0)
    );
    println!("16 MB: {:.1} MB more in drover's memory to send it, {:.1} MB to receive it", media_mb.0, media_mb.1);
    println!("drover's processor time in all: {processor:.1} s");
    let media_rss_mb = media_mb.0.max(media_mb.1);
    keep(&json!({
        "events_per_minute": figures.events_per_minute.round(),
        "webhook_p99_ms": p99_ms,
        "media_rss_mb": (media_rss_mb * 10.0).round() / 10.0,
    }));
    let is_reached = figures.events_per_minute >= 10_000.0 && p99_ms < 200 && media_rss_mb < 20.0;
    println!(
        "wanted: 10000 a minute, p99 under 200 ms, under 20 MB: {}",
        if is_reached { "reached" } else { "missed" }
    );
}

fn home(simulator: &Simulator) -> Home {
    let home = Home::with(simulator);
    home.set("DROVER_LOG__LEVEL", "info");
    home.set("DROVER_NETWORK__ALLOW_HOSTS", "127.0.0.1");
    // A hundred people stand for the thousands who write so much.
    home.set("DROVER_INBOUND__PER_SENDER_PER_MINUTE", "0");
    home
}

/// A linked session whose messages go to a webhook, over a store that has so many rows.
fn ready<'home>(simulator: &Simulator, home: &'home Home, rows: u32) -> (Drover<'home>, Receiver) {
    let receiver = Receiver::start();
    let drover = home.start();
    story::link_for_good(&drover, SESSION, &simulator.phone(NUMBER, "Ana"));
    let webhook = json!({"url": receiver.url("/"), "events": ["message"]});
    drover.api().put(&format!("/api/sessions/{SESSION}"), &json!({"config": {"webhooks": [webhook]}})).expect(200);
    drover.stop();
    let began = Instant::now();
    full_store::fill(&home.data().join("drover.db"), SESSION, rows);
    println!("{rows} rows put in within {:.1} s", began.elapsed().as_secs_f64());
    let drover = home.start();
    drover.wait_status(SESSION, "WORKING", story::TO_READY);
    (drover, receiver)
}

fn measure(phone: &Phone<'_>, receiver: &Receiver, plan: &Plan) -> Figures {
    // Everybody once: a page learns who somebody is, and makes a chat, at their first message.
    write(phone, "first", PEOPLE, None);
    receiver.wait_for("everybody's first", PATIENCE, |received| received.len() >= PEOPLE);
    let fast = PEOPLE + plan.messages;
    let began = Instant::now();
    write(phone, "fast", plan.messages, None);
    let written = began.elapsed();
    let received = receiver.wait_for("all that came fast", PATIENCE, |received| received.len() >= fast);
    let elapsed = began.elapsed();
    let committed_ms =
        |one: Option<&Received>| one.and_then(|one| one.json()["timestamp"].as_i64()).unwrap_or_default();
    println!(
        "written within {:.1} s, committed within {:.1} s, at the webhook after {:.1} s",
        written.as_secs_f64(),
        (committed_ms(received.last()) - committed_ms(received.get(PEOPLE))) as f64 / 1000.0,
        elapsed.as_secs_f64()
    );
    each_once_and_in_order(&received, fast);

    let began = Instant::now();
    write(phone, "paced", plan.paced, Some(Duration::from_secs(1) / plan.per_second));
    println!("paced ones written within {:.1} s", began.elapsed().as_secs_f64());
    let all = fast + plan.paced;
    let received = receiver.wait_for("all that came at its pace", PATIENCE, |received| received.len() >= all);
    each_once_and_in_order(&received, all);
    let delay_ms = |one: &Received| one.at_ms - one.json()["timestamp"].as_i64().expect("a time");
    let mut delays_ms: Vec<i64> = received[fast..].iter().map(delay_ms).collect();
    delays_ms.sort_unstable();
    Figures { events_per_minute: plan.messages as f64 * 60.0 / elapsed.as_secs_f64(), delays_ms }
}

/// So many messages are written, as fast as they are taken, or one after each pause.
fn write(phone: &Phone<'_>, what: &str, count: usize, pause: Option<Duration>) {
    let (began, next) = (Instant::now(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if let Some(pause) = pause {
                        let due = began + pause * u32::try_from(number).expect("not that many");
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                    phone.receive(&person(number), &format!("{what} {number}"));
                }
            });
        }
    });
}

/// By the numbers of the events; and each message's text once.
fn each_once_and_in_order(received: &[Received], count: usize) {
    let seqs: Vec<i64> = received.iter().map(Received::seq).collect();
    assert!(seqs.is_sorted_by(|one, next| one < next), "in order, each once");
    let mut texts: Vec<String> = received.iter().map(|one| one.json()["payload"]["body"].to_string()).collect();
    texts.sort();
    texts.dedup();
    assert_eq!((received.len(), texts.len()), (count, count), "as many as were written");
}

fn person(number: usize) -> String {
    format!("1555777{:04}", number % PEOPLE)
}

fn percentile(sorted: &[i64], share: f64) -> i64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted[index.min(sorted.len() - 1)]
}

/// 16 MB sent from a URL, and 16 MB received: how much more drover's memory is at its peak, in MB. Each is done once before, so that
/// what is kept for good is not counted.
fn of_a_large_file(drover: &Drover<'_>, phone: &Phone<'_>, receiver: &Receiver) -> (f64, f64) {
    let mut file = b"%PDF-1.4\n".to_vec();
    file.resize(16 << 20, b'x');
    let url = format!("{}/good.pdf", serve(file.clone()));
    let send = || {
        let body = json!({"session": SESSION, "chatId": "15559990001", "file": {"url": url}, "allowDuplicate": true});
        let id = drover.api().post("/api/sendFile", &body).expect(201)["id"].as_str().expect("an id").to_owned();
        drover.wait_ack(&id, 1, PATIENCE);
    };
    let media = json!({"data": BASE64_STANDARD.encode(&file), "mimetype": "application/pdf", "filename": "a.pdf"});
    let incoming = json!({"from": "15559990001", "type": "document", "media": media});
    let receive = || {
        let id = phone.order("incoming", &incoming)["id"].as_str().expect("an id").to_owned();
        let is_told = |one: &Received| one.json()["payload"]["id"].as_str().is_some_and(|key| key.contains(&id));
        let received =
            receiver.wait_for("the file's message", PATIENCE, |received| received.last().is_some_and(is_told));
        let media = received.last().expect("it came").json()["payload"]["media"].clone();
        assert!(media["url"].is_string(), "it came with its file: {media}");
    };
    (more_at_peak_mb(drover, &send), more_at_peak_mb(drover, &receive))
}

fn more_at_peak_mb(drover: &Drover<'_>, work: &dyn Fn()) -> f64 {
    work();
    drover.forget_peak();
    let before = drover.peak_bytes();
    work();
    drover.peak_bytes().saturating_sub(before) as f64 / MB
}

/// `proc_pid_stat(5)`, in seconds.
fn processor_s(drover: &Drover<'_>) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", drover.pid())).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: f64 = [11, 12].iter().filter_map(|place| fields.get(*place)?.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn keep(figures: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/events.json");
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the target folder takes folders");
    fs::write(&path, format!("{figures:#}\n")).expect("a new file");
    println!("{}: {figures}", path.display());
}
