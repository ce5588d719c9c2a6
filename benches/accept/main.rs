//! How many texts drover takes over a second by HTTP, and how long each takes: `make bench-accept`.
//!
//! The real binary, with its private Redis, on SQLite and on a PostgreSQL of its own, both durable (`synchronous=FULL`, `fsync=on`): an
//! answer means a committed row. 50 connections that ask again as soon as they are answered; load and server share the
//! machine. The limits are raised so that none refuses; a repetition of a text is looked for as by default. What is slower is
//! written to target/bench/queue.json as `http_per_second` and `http_p99_ms`.

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

mod client;
mod servers;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use client::Connection;
use servers::{Drover, Postgres};

const CONNECTIONS: usize = 50;
const WARM_UP: usize = 5_000;
const REQUESTS: usize = 30_000;
/// Runs on each database; the median counts.
const RUNS: usize = 3;
const CHATS: usize = 1_000;

/// What the issue asks for.
const WANTED_PER_SECOND: f64 = 2_000.0;
const WANTED_P99_MS: f64 = 50.0;

#[derive(Debug, Clone, Copy)]
struct Figures {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir()?;
    let sqlite = measure("SQLite", &scratch.path().join("sqlite"), None).await?;
    let postgres = Postgres::start(scratch.path())?;
    let postgresql = measure("PostgreSQL", &scratch.path().join("postgresql"), Some(&postgres.url())).await?;
    drop(postgres);
    println!();
    println!("{:12} {:>10} {:>10} {:>10}", "", "a second", "p50 (ms)", "p99 (ms)");
    for (name, figures) in [("SQLite", sqlite), ("PostgreSQL", postgresql)] {
        println!("{name:12} {:>10.0} {:>10.1} {:>10.1}", figures.per_second, figures.p50_ms, figures.p99_ms);
    }
    let per_second = sqlite.per_second.min(postgresql.per_second);
    let p99_ms = sqlite.p99_ms.max(postgresql.p99_ms);
    let detail = json!({ "sqlite": shown(sqlite), "postgresql": shown(postgresql), "connections": CONNECTIONS });
    write(&json!({ "http_per_second": per_second.round(), "http_p99_ms": p99_ms, "http": detail }))?;
    let is_fast = per_second >= WANTED_PER_SECOND && p99_ms <= WANTED_P99_MS;
    println!(
        "wanted: {WANTED_PER_SECOND} a second, p99 {WANTED_P99_MS} ms: {}",
        if is_fast { "reached" } else { "missed" }
    );
    Ok(())
}

fn shown(figures: Figures) -> Value {
    json!({ "per_second": figures.per_second.round(), "p50_ms": figures.p50_ms, "p99_ms": figures.p99_ms })
}

/// The median run, by throughput.
async fn measure(name: &str, folder: &Path, database: Option<&str>) -> anyhow::Result<Figures> {
    let drover = Drover::start(folder, database)?;
    drover.wait_until_up().await?;
    let mut admin = Connection::open(drover.port).await?;
    let (status, body) = admin.post("/api/sessions", &json!({ "name": "bench", "start": false }).to_string()).await?;
    anyhow::ensure!(status == 201, "{status}: {body}");
    // One that was never started would be by its first message.
    let (status, body) = admin.post("/api/sessions/bench/stop", "{}").await?;
    anyhow::ensure!(status == 201, "{status}: {body}");
    load(&drover, "warm-up", WARM_UP).await?;
    let mut runs = Vec::with_capacity(RUNS);
    for run in 1..=RUNS {
        let figures = load(&drover, &format!("run {run}"), REQUESTS).await?;
        println!("{name}, run {run}: {:.0} a second, p99 {:.1} ms", figures.per_second, figures.p99_ms);
        runs.push(figures);
    }
    runs.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    Ok(runs[RUNS / 2])
}

async fn load(drover: &Drover, mark: &str, requests: usize) -> anyhow::Result<Figures> {
    let each = requests / CONNECTIONS;
    let began = Instant::now();
    let mut connections = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        let (port, mark) = (drover.port, mark.to_owned());
        connections.spawn(async move { hand_in(port, &mark, number, each).await });
    }
    let mut took = Vec::with_capacity(requests);
    while let Some(one) = connections.join_next().await {
        took.extend(one??);
    }
    let elapsed = began.elapsed();
    took.sort_unstable();
    let at = |share: f64| {
        let index = ((took.len() as f64 * share) as usize).min(took.len() - 1);
        (took[index].as_secs_f64() * 10_000.0).round() / 10.0
    };
    Ok(Figures { per_second: took.len() as f64 / elapsed.as_secs_f64(), p50_ms: at(0.5), p99_ms: at(0.99) })
}

/// One connection's texts, one after another; how long each took.
async fn hand_in(port: u16, mark: &str, number: usize, count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(port).await?;
    let mut took = Vec::with_capacity(count);
    for index in 0..count {
        let chat = format!("1555{:07}", (index * CONNECTIONS + number) % CHATS);
        let text = format!("{mark}: text {index} of connection {number}, as long as such texts usually are");
        let body = json!({ "session": "bench", "chatId": chat, "text": text }).to_string();
        let began = Instant::now();
        let (status, answer) = connection.post("/api/sendText", &body).await?;
        took.push(began.elapsed());
        anyhow::ensure!(status == 201, "{status}: {answer}");
    }
    Ok(took)
}

/// Lays the figures over what other benchmarks wrote there.
fn write(figures: &Value) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/queue.json");
    let mut all: serde_json::Map<String, Value> =
        fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    all.extend(figures.as_object().cloned().unwrap_or_default());
    fs::create_dir_all(path.parent().expect("it lies in a folder"))?;
    fs::write(&path, format!("{:#}\n", Value::Object(all)))?;
    println!("{}: {figures}", path.display());
    Ok(())
}
