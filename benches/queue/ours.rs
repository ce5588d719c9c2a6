//! Our side: the queue as the daemon has it, with a sender a session that sends nothing.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Result, bail};
use drover::{
    clock::{Clock, SystemClock},
    config::{self, Sources},
    model::{
        Content, MessageId, OutboundMessage, SessionName,
        message::{Progress, Schedule},
    },
    queue::{ClaimAnswer, Queue, Settled, Verdict, WaitCause},
    redis::Connections,
};
use futures::future::try_join_all;

use crate::{BATCH, CHATS, EACH, Measured, Phase, SESSIONS, server::Server};

/// Limits that are on and never refuse: what a session may do in an hour is more than all of them do here.
pub(crate) const LIMITS: &str =
    "per_minute 60,000, burst 60,000, per_hour 3,600,000, gap 0, per recipient 60,000 a minute, daily cap 1,000,000";

pub(crate) struct House {
    pub(crate) queue: Queue,
    connections: Connections,
}

impl House {
    pub(crate) async fn open(server: &Server) -> Result<Self> {
        let mut config = config::load(&Sources::of(Path::new("/nowhere"), &[]))?.config;
        config.redis.url = server.url();
        let limits = config::Limits {
            per_minute: 60_000,
            burst: 60_000,
            per_hour: 3_600_000,
            gap_ms: 0,
            gap_jitter_ms: 0,
            per_recipient_per_minute: 60_000,
            daily_young: 1_000_000,
            ..config.limits
        };
        let connections = Connections::open(&config.redis, Path::new("/nowhere")).await?;
        let queue = Queue::new(&connections, config.queue, limits, Arc::new(SystemClock));
        Ok(Self { queue, connections })
    }

    /// Sessions whose queues are open.
    pub(crate) async fn sessions(&self, count: usize) -> Result<Vec<SessionName>> {
        let mut names = Vec::with_capacity(count);
        for number in 0..count {
            let name: SessionName = format!("bench{number}").parse()?;
            if !self.queue.load(&name).await?.finish().await? {
                bail!("Redis was emptied by somebody else");
            }
            names.push(name);
        }
        Ok(names)
    }

    pub(crate) async fn close(self) {
        self.connections.close().await;
    }
}

/// Messages of a session, to one chat after the other.
pub(crate) fn messages(session: &SessionName, count: usize, chats: usize) -> Result<Vec<OutboundMessage>> {
    let from_ms = SystemClock.now_ms() - i64::try_from(count)?;
    (0..count)
        .map(|number| {
            Ok(OutboundMessage {
                id: MessageId::choose(),
                session: session.clone(),
                chat: format!("1555{:07}@c.us", number % chats).parse()?,
                content: Content::text(""),
                schedule: Schedule::default(),
                progress: Progress::accepted(),
                created_at_ms: from_ms + i64::try_from(number)?,
            })
        })
        .collect()
}

pub(crate) async fn run(server: &Server, phase: Phase) -> Result<Measured> {
    let house = House::open(server).await?;
    let sessions = house.sessions(SESSIONS).await?;
    let work = sessions.iter().map(|session| messages(session, EACH, CHATS)).collect::<Result<Vec<_>>>()?;
    if phase == Phase::Drain {
        try_join_all(work.iter().map(|messages| put_in(&house.queue, messages))).await?;
    }
    let cpu = server.cpu_seconds().await?;
    let begun = Instant::now();
    let mut tasks = Vec::new();
    if phase != Phase::Drain {
        for messages in work {
            let queue = house.queue.clone();
            tasks.push(tokio::spawn(async move { put_in(&queue, &messages).await }));
        }
    }
    if phase != Phase::Enqueue {
        for session in sessions {
            let queue = house.queue.clone();
            tasks.push(tokio::spawn(async move { send(&queue, &session, EACH).await }));
        }
    }
    for task in tasks {
        task.await??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let total = (SESSIONS * EACH) as f64;
    let redis_us = (server.cpu_seconds().await? - cpu) * 1e6 / total;
    house.close().await;
    Ok(Measured { per_second: total / seconds, redis_us })
}

async fn put_in(queue: &Queue, messages: &[OutboundMessage]) -> Result<()> {
    for batch in messages.chunks(BATCH) {
        queue.enqueue_all(&batch[0].session, batch).await?;
    }
    Ok(())
}

/// What a sender does, with nothing between claim and settlement: it waits when it is told to.
async fn send(queue: &Queue, session: &SessionName, count: usize) -> Result<()> {
    let waker = queue.waker(session);
    let mut sent = 0;
    let mut held = None;
    loop {
        let woken = waker.notified();
        let answer = match held.take() {
            None => queue.claim(session).await?,
            Some(claim) => {
                let claim: drover::queue::Claim = claim;
                sent += 1;
                if sent == count {
                    if claim.settle(Verdict::Ack).await?.settled == Settled::Lost {
                        bail!("a claim was lost");
                    }
                    return Ok(());
                }
                let (settlement, next) = claim.settle_and_claim(Verdict::Ack).await?;
                if settlement.settled == Settled::Lost {
                    bail!("a claim was lost");
                }
                next
            }
        };
        match answer {
            ClaimAnswer::Claimed(claim) => held = Some(claim),
            ClaimAnswer::AskAgain { why: WaitCause::Empty | WaitCause::InFlight, .. } => woken.await,
            ClaimAnswer::AskAgain { why, .. } => bail!("a limit refused: {why:?}"),
        }
    }
}
