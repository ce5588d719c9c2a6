//! `make bench-queue`: the outbound queue beside BullMQ, on one Redis that is started for it, in runs that alternate. Only
//! ratios of one run are compared, since a machine's numbers are its own. No database on either side.
//!
//! Then what BullMQ has no counterpart for: what 1,000 waiting sessions cost, and what a million waiting messages do to a claim.
//! Fails when a target of docs/benchmarks.md is missed.

#![expect(clippy::print_stdout, reason = "it is a program whose output is its result")]

mod bullmq;
mod ours;
mod report;
mod scale;
mod server;

use std::path::Path;

use anyhow::Result;

use report::{Comparison, Report};
use server::Server;

/// Sessions on our side, queues (or one queue's concurrency) on BullMQ's.
const SESSIONS: usize = 50;
/// Messages of each session.
const EACH: usize = 1_000;
/// Messages that are put in at a time.
const BATCH: usize = 50;
/// Chats of each session, among which its messages alternate.
const CHATS: usize = 100;
/// Runs of each; their median counts.
const RUNS: usize = 3;

/// What is measured on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Enqueue,
    Drain,
    EndToEnd,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Enqueue, Self::Drain, Self::EndToEnd];

    /// The name in the report and for BullMQ's side.
    fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Drain => "drain",
            Self::EndToEnd => "end_to_end",
        }
    }
}

/// What one run of one side gave.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// Messages a second.
    per_second: f64,
    /// Redis' processor time a message, in microseconds: what a busy machine does not distort.
    redis_us: f64,
}

fn main() -> Result<()> {
    // Cargo passes --bench, and to `cargo test --benches` nothing: that builds it and stops here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(measure())?;
    report.print();
    report.write(Path::new(
        &std::env::var("DROVER_BENCH_OUT").unwrap_or_else(|_| "target/bench/queue.json".to_owned()),
    ))?;
    report.judge()
}

async fn measure() -> Result<Report> {
    let server = Server::start().await?;
    let mut comparisons = Vec::new();
    for phase in Phase::ALL {
        let mut comparison = Comparison::new(phase.name());
        for run in 1..=RUNS {
            println!("{} {run}/{RUNS} ...", phase.name());
            server.empty().await?;
            comparison.ours.push(ours::run(&server, phase).await?);
            for shape in bullmq::Shape::ALL {
                server.empty().await?;
                comparison.theirs(shape.name()).push(bullmq::run(&server, phase, shape)?);
            }
        }
        comparisons.push(comparison);
    }
    server.empty().await?;
    println!("idle sessions ...");
    let idle = scale::idle_sessions(&server).await?;
    server.empty().await?;
    println!("a million messages ...");
    let depth = scale::a_million(&server).await?;
    Ok(Report { comparisons, idle, depth })
}
