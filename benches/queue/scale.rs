//! What only our queue has to show: waiting costs nothing, and depth costs a claim little.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use drover::{
    clock::{Clock, SystemClock},
    model::SessionName,
    queue::{Claim, ClaimAnswer, Queue, Settled},
};
use nix::unistd::{SysconfVar, sysconf};

use crate::{
    ours::{House, messages},
    server::Server,
};

const IDLE_SESSIONS: usize = 1_000;
const WATCHED: Duration = Duration::from_secs(15);
const MESSAGES: usize = 1_000_000;
const CHATS: usize = 100_000;
const CLAIMS: usize = 5_000;

/// Parts of a core, by the processes' own clocks.
pub(crate) struct Idle {
    pub(crate) ours: f64,
    pub(crate) redis: f64,
}

/// Medians of a claim's round trip, in microseconds.
pub(crate) struct Depth {
    pub(crate) empty_us: f64,
    pub(crate) full_us: f64,
}

/// 1,000 senders, each with a message that has to wait.
pub(crate) async fn idle_sessions(server: &Server) -> Result<Idle> {
    let house = House::open(server).await?;
    let sessions = house.sessions(IDLE_SESSIONS).await?;
    let hour_ms = 3_600_000;
    let mut senders = Vec::new();
    for session in sessions {
        let mut message = messages(&session, 1, 1)?.remove(0);
        message.schedule.send_at_ms = Some(SystemClock.now_ms() + hour_ms);
        house.queue.enqueue(&message).await?;
        senders.push(tokio::spawn(wait(house.queue.clone(), session)));
    }
    // Until each has claimed and sleeps.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (ours, redis) = (cpu_seconds("self")?, cpu_seconds(&server.pid().to_string())?);
    tokio::time::sleep(WATCHED).await;
    let share = |before: f64, after: f64| (after - before) / WATCHED.as_secs_f64();
    let idle =
        Idle { ours: share(ours, cpu_seconds("self")?), redis: share(redis, cpu_seconds(&server.pid().to_string())?) };
    for sender in senders {
        sender.abort();
        if sender.await.is_ok() {
            bail!("a sender did not wait");
        }
    }
    house.close().await;
    Ok(idle)
}

/// A sender's loop, without a page.
async fn wait(queue: Queue, session: SessionName) -> Result<()> {
    let waker = queue.waker(&session);
    loop {
        let woken = waker.notified();
        let ClaimAnswer::AskAgain { at_ms: Some(at_ms), .. } = queue.claim(&session).await? else { return Ok(()) };
        let left_ms = u64::try_from(at_ms - SystemClock.now_ms()).unwrap_or(0);
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep(Duration::from_millis(left_ms)) => {}
        }
    }
}

/// The time on processors of a process, its threads included (proc(5), `stat`).
fn cpu_seconds(process: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("a line of proc(5)")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    let a_second = sysconf(SysconfVar::CLK_TCK)?.context("the kernel's ticks")?;
    Ok(ticks / a_second as f64)
}

/// Claims on a queue of one message, and on one of a million.
pub(crate) async fn a_million(server: &Server) -> Result<Depth> {
    let house = House::open(server).await?;
    let sessions = house.sessions(2).await?;
    let (empty, full) = (&sessions[0], &sessions[1]);
    let mut empty_us = Vec::with_capacity(CLAIMS);
    for message in messages(empty, CLAIMS, CHATS)? {
        house.queue.enqueue(&message).await?;
        empty_us.push(timed_claim(&house.queue, empty).await?);
    }
    for portion in messages(full, MESSAGES, CHATS)?.chunks(1_000) {
        house.queue.enqueue_all(full, portion).await?;
    }
    let mut full_us = Vec::with_capacity(CLAIMS);
    for _ in 0..CLAIMS {
        full_us.push(timed_claim(&house.queue, full).await?);
    }
    house.close().await;
    Ok(Depth { empty_us: median(&mut empty_us), full_us: median(&mut full_us) })
}

async fn timed_claim(queue: &Queue, session: &SessionName) -> Result<f64> {
    let begun = Instant::now();
    let answer = queue.claim(session).await?;
    let took = begun.elapsed();
    let ClaimAnswer::Claimed(claim) = answer else { bail!("there is a message: {answer:?}") };
    done(claim).await?;
    Ok(took.as_secs_f64() * 1e6)
}

async fn done(claim: Claim) -> Result<()> {
    if claim.ack().await? == Settled::Lost {
        bail!("a claim was lost");
    }
    Ok(())
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
