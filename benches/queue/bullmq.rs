//! BullMQ's side: a Node process on the same Redis.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{BATCH, CHATS, EACH, Measured, Phase, SESSIONS, server::Server};

/// How BullMQ is given the work. Which is faster depends on the phase: ours is held against the faster one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A queue a session, each with a worker that takes one job at a time: the same guarantee as ours, an order a session.
    QueueEach,
    /// One queue whose worker takes 50 at a time: no order, no limit of a session's own.
    OneQueue,
}

impl Shape {
    pub(crate) const ALL: [Self; 2] = [Self::QueueEach, Self::OneQueue];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::QueueEach => "queue_each",
            Self::OneQueue => "one_queue",
        }
    }
}

pub(crate) fn run(server: &Server, phase: Phase, shape: Shape) -> Result<Measured> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bullmq/run.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(server.socket())
        .args([phase.name(), shape.name()])
        .args([SESSIONS, EACH, BATCH, CHATS].map(|number| number.to_string()))
        .output()
        .context("node is needed (Debian: apt-get install nodejs npm)")?;
    if !output.status.success() {
        bail!("BullMQ's side failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.trim().split_once(' ').and_then(|(per_second, redis_us)| {
        Some(Measured { per_second: per_second.parse().ok()?, redis_us: redis_us.parse().ok()? })
    });
    numbers.with_context(|| format!("BullMQ's side said {text:?}"))
}
