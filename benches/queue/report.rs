//! The results: a table for people, a file for programs, and whether the targets are met.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::{
    BATCH, CHATS, EACH, Measured, RUNS, SESSIONS,
    ours::LIMITS,
    scale::{Depth, Idle, median},
};

/// At least so many times BullMQ's.
const TARGET: f64 = 2.0;
/// At most this part of a core for 1,000 waiting sessions.
const IDLE_TARGET: f64 = 0.01;
/// A claim on a million messages takes at most so many times one on an empty queue.
const DEPTH_TARGET: f64 = 2.0;

/// One phase, a value a run.
pub(crate) struct Comparison {
    pub(crate) phase: &'static str,
    pub(crate) ours: Vec<Measured>,
    theirs: Vec<(&'static str, Vec<Measured>)>,
}

impl Comparison {
    pub(crate) fn new(phase: &'static str) -> Self {
        Self { phase, ours: Vec::new(), theirs: Vec::new() }
    }

    pub(crate) fn theirs(&mut self, shape: &'static str) -> &mut Vec<Measured> {
        let at = self.theirs.iter().position(|(known, _)| *known == shape).unwrap_or_else(|| {
            self.theirs.push((shape, Vec::new()));
            self.theirs.len() - 1
        });
        &mut self.theirs[at].1
    }

    fn ours(&self) -> f64 {
        medians(&self.ours).per_second
    }

    fn of(&self, shape: usize) -> f64 {
        medians(&self.theirs[shape].1).per_second
    }

    /// Redis' processor time a message, of each side.
    fn redis_us(&self) -> Vec<f64> {
        let theirs = self.theirs.iter().map(|(_, runs)| medians(runs).redis_us);
        std::iter::once(medians(&self.ours).redis_us).chain(theirs).collect()
    }

    /// Against the faster of BullMQ's shapes.
    fn ratio(&self) -> f64 {
        self.ours() / (0..self.theirs.len()).map(|shape| self.of(shape)).fold(0.0, f64::max)
    }
}

fn medians(runs: &[Measured]) -> Measured {
    let of = |value: fn(&Measured) -> f64| median(&mut runs.iter().map(value).collect::<Vec<_>>());
    Measured { per_second: of(|run| run.per_second), redis_us: of(|run| run.redis_us) }
}

pub(crate) struct Report {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) idle: Idle,
    pub(crate) depth: Depth,
}

impl Report {
    pub(crate) fn print(&self) {
        println!(
            "\n{SESSIONS} sessions, {EACH} messages each to {CHATS} chats, {BATCH} put in at a time, medians of {RUNS} runs,"
        );
        println!("one redis-server without persistence on a unix socket, no database on either side.");
        println!("Leases and limits are on, on both sides, so high that they never refuse; ours: {LIMITS};");
        println!("BullMQ's: 1,000,000,000 a minute. The ratio is to the faster of BullMQ's two shapes.\n");
        println!("| messages a second | drover | BullMQ, a queue a session | BullMQ, one queue, 50 at once | ratio |");
        println!("|---|---|---|---|---|");
        for comparison in &self.comparisons {
            let (ours, ratio) = (comparison.ours(), comparison.ratio());
            let (each, one) = (comparison.of(0), comparison.of(1));
            println!("| {} | {ours:.0} | {each:.0} | {one:.0} | {ratio:.2} |", comparison.phase);
        }
        println!(
            "\n| Redis' processor time a message, us | drover | BullMQ, a queue a session | BullMQ, one queue |\n|---|---|---|---|"
        );
        for comparison in &self.comparisons {
            let numbers: Vec<_> = comparison.redis_us().iter().map(|us| format!("{us:.1}")).collect();
            println!("| {} | {} |", comparison.phase, numbers.join(" | "));
        }
        let Self { idle, depth, .. } = self;
        println!("\n| | measured | target |\n|---|---|---|");
        println!(
            "| 1,000 sessions with a message that waits, part of a core | {:.2}% (Redis {:.2}%) | < 1% |",
            idle.ours * 100.0,
            idle.redis * 100.0
        );
        println!(
            "| a claim on an empty queue, and on a million messages | {:.0} us, {:.0} us ({:.2}x) | <= 2x |",
            depth.empty_us,
            depth.full_us,
            depth.full_us / depth.empty_us
        );
    }

    /// Adds to what other benchmarks wrote there.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut all: Map<String, Value> = match fs::read(path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON object", path.display()))?
            }
            Err(_) => Map::new(),
        };
        for comparison in &self.comparisons {
            all.insert(format!("{}_ratio", comparison.phase), json!(comparison.ratio()));
            all.insert(format!("{}_per_second", comparison.phase), json!(comparison.ours()));
        }
        all.insert("idle_1000_sessions_core".to_owned(), json!(self.idle.ours));
        all.insert("claim_at_1000000_ratio".to_owned(), json!(self.depth.full_us / self.depth.empty_us));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, serde_json::to_vec_pretty(&all)?)?;
        println!("\nwritten to {}", path.display());
        Ok(())
    }

    /// Fails when a target is missed.
    pub(crate) fn judge(&self) -> Result<()> {
        let mut missed = Vec::new();
        for comparison in &self.comparisons {
            if comparison.phase != "enqueue" && comparison.ratio() < TARGET {
                missed.push(format!("{}: {:.2} times BullMQ, not {TARGET}", comparison.phase, comparison.ratio()));
            }
        }
        if self.idle.ours + self.idle.redis >= IDLE_TARGET {
            missed
                .push(format!("1,000 waiting sessions: {:.2}% of a core", (self.idle.ours + self.idle.redis) * 100.0));
        }
        if self.depth.full_us > DEPTH_TARGET * self.depth.empty_us {
            missed.push(format!("a claim on a million: {:.2}x", self.depth.full_us / self.depth.empty_us));
        }
        if missed.is_empty() { Ok(()) } else { bail!("missed: {}", missed.join("; ")) }
    }
}
