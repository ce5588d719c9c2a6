//! A claim: one message, held for a while, settled by value.

use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, timeout_at};

use super::{Queue, QueueError, random_token};
use crate::model::{MessageId, SessionName};

/// What asking for work gave.
#[derive(Debug)]
pub enum ClaimAnswer {
    /// A message to send.
    Claimed(Claim),
    /// Nothing now.
    AskAgain {
        /// When asking again makes sense (Unix milliseconds of the caller's clock); None: only after a wake-up.
        at_ms: Option<i64>,
        /// What stands in the way.
        why: WaitCause,
    },
}

/// Why there is nothing to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitCause {
    /// Nothing waits.
    Empty,
    /// The queue is paused.
    Paused,
    /// Too many failures in a row; or one is being tried to see whether it is over.
    CircuitOpen,
    /// The limit per minute, or its burst.
    PerMinute,
    /// The limit per hour.
    PerHour,
    /// The pause between two messages.
    Gap,
    /// Every chat that waits had its share for now.
    PerRecipient,
    /// What waits is scheduled, or backs off.
    NotDue,
    /// What waits stands behind a message that a sender holds.
    InFlight,
    /// Redis was emptied or restarted, and is being filled from the database.
    Loading,
}

impl WaitCause {
    /// All of them, for metrics and tables.
    pub const ALL: [Self; 10] = [
        Self::Empty,
        Self::Paused,
        Self::CircuitOpen,
        Self::PerMinute,
        Self::PerHour,
        Self::Gap,
        Self::PerRecipient,
        Self::NotDue,
        Self::InFlight,
        Self::Loading,
    ];

    /// The name in the script and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Paused => "paused",
            Self::CircuitOpen => "circuit_open",
            Self::PerMinute => "per_minute",
            Self::PerHour => "per_hour",
            Self::Gap => "gap",
            Self::PerRecipient => "per_recipient",
            Self::NotDue => "not_due",
            Self::InFlight => "in_flight",
            Self::Loading => "loading",
        }
    }
}

impl Queue {
    /// Takes the next message that may be sent, or says when to ask again. One script call.
    ///
    /// # Errors
    /// When Redis fails; the session's waker is notified when it is back.
    pub async fn claim(&self, session: &SessionName) -> Result<ClaimAnswer, QueueError> {
        let shared = &self.shared;
        let link = shared.connections.link()?;
        let token = random_token();
        let limits = &shared.limits;
        let jitter_ms = rand::rng().random_range(0..=limits.gap_jitter_ms);
        let arguments = [
            link.server().to_owned(),
            shared.owner.clone(),
            token.clone(),
            (shared.settings.lease_s * 1000).to_string(),
            (limits.gap_ms + jitter_ms).to_string(),
            limits.per_minute.to_string(),
            limits.burst.to_string(),
            limits.per_hour.to_string(),
            limits.per_recipient_per_minute.to_string(),
            shared.settings.circuit_failures.to_string(),
        ];
        let script = &shared.scripts.claim;
        let answer: Vec<String> = self.run(&link, script, session, &arguments).await?;
        let read =
            read_answer(&answer, shared.clock.now_ms()).ok_or(QueueError::Answer { script: script.name, answer });
        match read? {
            Answer::Wait { at_ms, why } => {
                if why == WaitCause::Loading {
                    shared.load_wanted.notify_one();
                }
                Ok(ClaimAnswer::AskAgain { at_ms, why })
            }
            Answer::Claimed { id, deliveries, redelivered, lease_until_ms } => {
                let hold = Hold { queue: self.clone(), session: session.clone(), token, lease_until_ms };
                Ok(ClaimAnswer::Claimed(Claim { id, deliveries, redelivered, hold }))
            }
        }
    }
}

impl Queue {
    async fn try_settle(&self, session: &SessionName, arguments: &[String]) -> Result<bool, QueueError> {
        let link = self.shared.connections.link()?;
        let held: i64 = self.run(&link, &self.shared.scripts.settle, session, arguments).await?;
        Ok(held == 1)
    }
}

/// What the script answered.
enum Answer {
    Claimed { id: MessageId, deliveries: u32, redelivered: bool, lease_until_ms: i64 },
    Wait { at_ms: Option<i64>, why: WaitCause },
}

/// `here_ms` is the caller's time: what the script says in its own is moved to it.
fn read_answer(answer: &[String], here_ms: i64) -> Option<Answer> {
    let moved = |at: &str, now: &str| Some(here_ms + at.parse::<i64>().ok()? - now.parse::<i64>().ok()?);
    match answer.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["claimed", id, deliveries, redelivered, lease_end, now] => Some(Answer::Claimed {
            id: id.parse().ok()?,
            deliveries: deliveries.parse().ok()?,
            redelivered: redelivered == "1",
            lease_until_ms: moved(lease_end, now)?,
        }),
        ["wait", cause, at, now] => Some(Answer::Wait {
            at_ms: if at.is_empty() { None } else { Some(moved(at, now)?) },
            why: WaitCause::ALL.into_iter().find(|why| why.as_str() == cause)?,
        }),
        _ => None,
    }
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// It holds.
    Done,
    /// The lease ran out, or Redis was emptied: the message may be, or was, claimed again.
    Lost,
}

/// A message that this process may send until the lease ends. Settled by value, so never twice; dropped, it comes back when
/// the lease ends.
///
/// Whoever holds one reads the message's row first: where that is settled, the claim is [`Self::void`].
#[derive(Debug)]
pub struct Claim {
    /// Which message.
    pub id: MessageId,
    /// How often it was handed out, this time included.
    pub deliveries: u32,
    /// Whether an earlier holder never settled it: its fate is unknown.
    pub redelivered: bool,
    hold: Hold,
}

#[derive(Debug)]
struct Hold {
    queue: Queue,
    session: SessionName,
    token: String,
    lease_until_ms: i64,
}

/// How a claim ends; the script has the same names.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    Ack,
    Retry { after: Duration },
    Bury,
    BurySpent,
    Release,
    Void,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Retry { .. } => "retry",
            Self::Bury => "bury",
            Self::BurySpent => "bury_spent",
            Self::Release => "release",
            Self::Void => "void",
        }
    }
}

impl Claim {
    /// When the lease ends (Unix milliseconds of the caller's clock).
    #[must_use]
    pub fn lease_until_ms(&self) -> i64 {
        self.hold.lease_until_ms
    }

    /// Done: sent, or nothing to do. Closes the circuit. While Redis is down it waits for it, until the lease ends.
    ///
    /// # Errors
    /// When Redis fails, or stays down: the message comes back when the lease ends.
    pub async fn ack(self) -> Result<Settled, QueueError> {
        self.settle(Verdict::Ack).await
    }

    /// Failed; again after a while, before every later message of its chat. Counts for the circuit.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn retry(self, after: Duration) -> Result<Settled, QueueError> {
        self.settle(Verdict::Retry { after }).await
    }

    /// Given up because of the message itself (not on WhatsApp, invalid): says nothing about the session.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn bury(self) -> Result<Settled, QueueError> {
        self.settle(Verdict::Bury).await
    }

    /// Given up because the last attempt failed too. Counts for the circuit.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn bury_spent(self) -> Result<Settled, QueueError> {
        self.settle(Verdict::BurySpent).await
    }

    /// Not tried: back where it was, and no rate used.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn release(self) -> Result<Settled, QueueError> {
        self.settle(Verdict::Release).await
    }

    /// Its row was settled before it came here (cancelled, expired, or sent before Redis lost that): it goes, and no rate is
    /// used.
    ///
    /// # Errors
    /// As [`Self::ack`].
    pub async fn void(self) -> Result<Settled, QueueError> {
        self.settle(Verdict::Void).await
    }

    async fn settle(self, verdict: Verdict) -> Result<Settled, QueueError> {
        let Hold { queue, session, token, lease_until_ms } = self.hold;
        let shared = &queue.shared;
        let after = if let Verdict::Retry { after } = verdict { after } else { Duration::ZERO };
        let arguments = [
            self.id.to_string(),
            token,
            verdict.name().to_owned(),
            after.as_millis().to_string(),
            shared.settings.circuit_failures.to_string(),
            (shared.settings.circuit_open_s * 1000).to_string(),
        ];
        let left_ms = u64::try_from(lease_until_ms - shared.clock.now_ms()).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_millis(left_ms);
        let mut links = shared.connections.link_changes();
        loop {
            match queue.try_settle(&session, &arguments).await {
                Ok(held) => return Ok(if held { Settled::Done } else { Settled::Lost }),
                // Settling again what was settled before the answer got lost says `Lost`, and does no harm.
                Err(error) if error.is_redis_gone() => match timeout_at(deadline, links.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
    }
}
