//! The outbound queue on Redis: who may be sent to next, at what pace, and who is at it.
//!
//! Owns the keys in [`keys`]. It holds ids, never texts: the database is the truth, and an emptied or restarted Redis is
//! loaded from it before anything is handed out (see [`Load`]), so that neither a message nor the order of a chat is lost.
//!
//! Time is Redis' own: the limits of a session are shared by all nodes and outlive each of them, so they are measured by the
//! one clock that all share. The caller's clock only says what that time is here.
//!
//! Limits are asked for with each claim, so that changed ones hold for the next: those of `[limits]`, of the session's config,
//! and of the account's age (see [`Queue::set_limits`], [`Queue::set_session_limits`], [`Queue::set_linked_at`]).
//!
//! Who is urgent goes first, and no one starves: of claims in a row, three may pass over a waiting message of normal priority,
//! and fifteen over one of low priority; then it goes. The order within a chat wins over all of it.
//!
//! Invariants: a message is in the queue at most once; of a chat, only the first is ever handed out, and the next not before
//! it is settled; a claim is settled at most once, by whoever holds its token, which is random, so that an emptied Redis
//! cannot repeat one.
//!
//! ```text
//!            enqueue            its time comes            claim
//!   (row) ─────────────▶ due ────────────────▶ ready ─────────────▶ held ──ack, bury──▶ (gone)
//!                         ▲   (or at once)       ▲                   │ │
//!                         └──────── retry ───────┼───────────────────┘ │
//!                                                └─ release, lease ended ┘
//! ```

mod claim;
mod filed;
mod inlet;
pub mod keys;
mod load;
mod paces;
mod pause;
mod rate;
mod scripts;
mod settle;
mod stats;

use std::{sync::Arc, time::Duration};

use ::redis::FromRedisValue;
use metrics::histogram;
use rand::RngExt;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

pub use claim::{Claim, ClaimAnswer, WaitCause};
pub use inlet::{Inlet, InletEntry, Rejection};
pub use load::{Load, Used};
pub use rate::{Rate, RateStanding};
pub use settle::{CircuitChange, Settled, Settlement, Verdict};
pub use stats::{Blocked, QueueStats};

use crate::{
    clock::Clock,
    config,
    model::{OutboundMessage, SessionName},
    redis::{Connections, Link, RedisError},
};
use paces::Paces;
use scripts::{Named, Scripts};

/// How many messages one script call puts in: a few milliseconds of Redis' time.
const PORTION: usize = 100;

/// Tells when Redis goes down (None) or comes back.
pub type LinkChanges = watch::Receiver<Option<Link>>;

/// The queue failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis is down or refused.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// A script answered what it never answers.
    #[error("the queue's script {script} answered {answer:?}: another version of drover may use the same Redis")]
    Answer {
        /// Which script.
        script: &'static str,
        /// What it said.
        answer: Vec<String>,
    },
}

impl QueueError {
    /// Whether there is no Redis to talk to at the moment, which the link itself reports; the link's next change tells of another.
    #[must_use]
    pub fn is_redis_gone(&self) -> bool {
        matches!(self, Self::Redis(error) if error.is_gone())
    }
}

/// The queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connections: Connections,
    settings: config::Queue,
    paces: Paces,
    clock: Arc<dyn Clock>,
    /// Whether the scripts take the time from `clock`.
    is_timed_by_clock: bool,
    scripts: Scripts,
    /// This process, as the holder of claims: 64 random bits, with which its tokens begin.
    owner: [u8; 8],
    load_wanted: Notify,
}

impl Queue {
    /// The queue on a Redis.
    #[must_use]
    pub fn new(
        connections: &Connections,
        settings: config::Queue,
        limits: config::Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let shared = Shared {
            connections: connections.clone(),
            settings,
            paces: Paces::new(limits),
            clock,
            is_timed_by_clock: false,
            scripts: Scripts::new(),
            owner: rand::rng().random(),
            load_wanted: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes the time from the clock instead of Redis, for tests that own time. Wrong where several nodes share a queue.
    ///
    /// # Panics
    /// When it was cloned before.
    #[must_use]
    pub fn timed_by_clock(mut self) -> Self {
        let shared = Arc::get_mut(&mut self.shared).expect("called before the queue is shared");
        shared.is_timed_by_clock = true;
        self
    }

    /// Puts a message in its session's queue and wakes the sender. One that is there already, waiting or claimed, is left
    /// alone. Of a chat, the earlier accepted (or, if it is scheduled, due) goes first, whatever was put in first.
    ///
    /// # Errors
    /// When Redis fails: the reconciler does it again.
    pub async fn enqueue(&self, message: &OutboundMessage) -> Result<(), QueueError> {
        self.enqueue_all(&message.session, std::slice::from_ref(message)).await
    }

    /// Puts messages of one session in, as [`Self::enqueue`] does, in one script call a portion; of another session none may be.
    ///
    /// # Errors
    /// When Redis fails: none or some of them are in then, and the reconciler does it again.
    pub async fn enqueue_all(&self, session: &SessionName, messages: &[OutboundMessage]) -> Result<(), QueueError> {
        let link = self.shared.connections.link()?;
        if !self.enqueue_over(&link, session, messages).await? {
            self.shared.load_wanted.notify_one();
        }
        Ok(())
    }

    /// Whether the queue is complete.
    async fn enqueue_over(
        &self,
        link: &Link,
        session: &SessionName,
        messages: &[OutboundMessage],
    ) -> Result<bool, QueueError> {
        let mut is_complete = true;
        for portion in messages.chunks(PORTION) {
            debug_assert!(portion.iter().all(|message| message.session == *session));
            let mut arguments: Vec<Vec<u8>> = Vec::with_capacity(2 + portion.len());
            arguments.push(link.server().into());
            arguments.extend(portion.iter().map(filed::written));
            let complete: i64 = self.run(link, &self.shared.scripts.enqueue, session, arguments).await?;
            is_complete &= complete == 1;
        }
        Ok(is_complete)
    }

    /// Takes a waiting message out; false when it is not there or a sender holds it.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn cancel(&self, message: &OutboundMessage) -> Result<bool, QueueError> {
        Ok(self.cancel_all(&message.session, std::slice::from_ref(message)).await? == 1)
    }

    /// Takes waiting messages of a session out, in one script call; how many were there. What a sender holds stays.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn cancel_all(&self, session: &SessionName, messages: &[OutboundMessage]) -> Result<u64, QueueError> {
        if messages.is_empty() {
            return Ok(0);
        }
        let link = self.shared.connections.link()?;
        let arguments = messages.iter().map(filed::written).collect();
        self.run(&link, &self.shared.scripts.cancel, session, arguments).await
    }

    /// Gives back at once what another process claimed and never settled; how many. For whoever begins to run a session and
    /// knows that nobody else does: a killed drover's claims need not run out.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn take_over(&self, session: &SessionName) -> Result<u32, QueueError> {
        let link = self.shared.connections.link()?;
        self.run(&link, &self.shared.scripts.take_over, session, vec![self.shared.owner.into()]).await
    }

    /// Counts a message against an API key's limit. `Some`: it does not fit, the next one does after that long.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn admit(&self, api_key_id: &str, per_minute: u32) -> Result<Option<Duration>, QueueError> {
        let link = self.shared.connections.link()?;
        let script = &self.shared.scripts.admit;
        let arguments = [self.time_argument(), random_token(), per_minute.to_string()];
        let wait_ms: u64 = link.invoke(script, &[keys::accepted_by(api_key_id)], &arguments).await?;
        Ok((wait_ms > 0).then(|| Duration::from_millis(wait_ms)))
    }

    /// Forgets everything about a session, a pause too. What its rows still hold as unsettled comes back: the queue is loaded
    /// again when it is used again.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn clear(&self, session: &SessionName) -> Result<(), QueueError> {
        let link = self.shared.connections.link()?;
        let _: i64 = link.command(::redis::cmd("SREM").arg(keys::SESSIONS).arg(session.as_str())).await?;
        let _: i64 = link.command(::redis::cmd("UNLINK").arg(keys::all_of_session(session))).await?;
        self.shared.paces.forget(session);
        Ok(())
    }

    /// Notified whenever asking again makes sense before the time that was answered.
    #[must_use]
    pub fn waker(&self, session: &SessionName) -> Arc<Notify> {
        self.shared.connections.waker(session.as_str())
    }

    /// Lets every sender ask again: the machine's clock was set, and what was not due may be.
    pub fn wake_all(&self) {
        self.shared.connections.wake_all();
    }

    /// Completes when a queue was found that must be loaded from the database.
    pub async fn load_wanted(&self) {
        self.shared.load_wanted.notified().await;
    }

    /// Changes whenever Redis goes down or comes back.
    #[must_use]
    pub fn link_changes(&self) -> LinkChanges {
        self.shared.connections.link_changes()
    }

    /// Whether the link to Redis is up, without asking Redis.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.shared.connections.link().is_ok()
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), QueueError> {
        Ok(self.shared.connections.ping().await?)
    }

    /// Calls a function about one session.
    async fn run<T: FromRedisValue>(
        &self,
        link: &Link,
        named: &Named,
        session: &SessionName,
        mut arguments: Vec<Vec<u8>>,
    ) -> Result<T, QueueError> {
        arguments.insert(0, self.time_argument().into());
        let begun = Instant::now();
        let answer = link.call(&named.function, &self.shared.paces.keys_of(session), &arguments).await?;
        histogram!("drover_queue_call_seconds", "script" => named.name).record(begun.elapsed());
        Ok(answer)
    }

    /// The first argument of every script: the time, or nothing for the server's own.
    fn time_argument(&self) -> String {
        if self.shared.is_timed_by_clock { self.shared.clock.now_ms().to_string() } else { String::new() }
    }
}

/// 128 random bits: nobody has it twice, not even after Redis lost all it knew.
fn random_token() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
