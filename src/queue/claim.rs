//! A claim: one message, held for a while, settled by value.

use metrics::counter;
use rand::RngExt;

use super::{Queue, QueueError, random_token};
use crate::{
    model::{MessageId, SessionName},
    redis::Link,
};

/// How many `claiming.lua` takes.
pub(super) const CLAIM_ARGUMENTS: usize = 11;

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
    /// The day's cap of a young account.
    PerDay,
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
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::Paused,
        Self::CircuitOpen,
        Self::PerMinute,
        Self::PerHour,
        Self::PerDay,
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
            Self::PerDay => "per_day",
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
        let link = self.shared.connections.link()?;
        let token = random_token();
        let mut arguments = Vec::with_capacity(CLAIM_ARGUMENTS + 1);
        self.push_claim_arguments(&mut arguments, session, &link, &token);
        let script = &self.shared.scripts.claim;
        let answer: Vec<String> = self.run(&link, script, session, arguments).await?;
        self.read_claim(session, token, &answer).ok_or(QueueError::Answer { script: script.name, answer })
    }

    /// What `claiming.lua` asks for.
    pub(super) fn push_claim_arguments(
        &self,
        arguments: &mut Vec<String>,
        session: &SessionName,
        link: &Link,
        token: &str,
    ) {
        let shared = &self.shared;
        let (limits, per_day) = shared.paces.in_force(session, shared.clock.now_ms());
        let jitter_ms = rand::rng().random_range(0..=limits.gap_jitter_ms);
        arguments.extend([link.server().to_owned(), shared.owner.clone(), token.to_owned()]);
        let numbers = [
            shared.settings.lease_s * 1000,
            limits.gap_ms + jitter_ms,
            limits.per_minute.into(),
            limits.burst.into(),
            limits.per_hour.into(),
            per_day.unwrap_or(0).into(),
            limits.per_recipient_per_minute.into(),
            shared.settings.circuit_failures.into(),
        ];
        arguments.extend(numbers.iter().map(u64::to_string));
    }

    /// What `claiming.lua` answers.
    pub(super) fn read_claim(&self, session: &SessionName, token: String, answer: &[String]) -> Option<ClaimAnswer> {
        let here_ms = self.shared.clock.now_ms();
        // What the script says in Redis' time is moved to the caller's.
        let moved = |at: &str, now: &str| Some(here_ms + at.parse::<i64>().ok()? - now.parse::<i64>().ok()?);
        match answer {
            [kind, id, chat, deliveries, redelivered, lease_end, now] if kind == "claimed" => {
                counter!("drover_queue_claims_total", "session" => session.to_string()).increment(1);
                let hold = Hold {
                    queue: self.clone(),
                    session: session.clone(),
                    chat: chat.clone(),
                    token,
                    lease_until_ms: moved(lease_end, now)?,
                };
                let deliveries = deliveries.parse().ok()?;
                let claim = Claim { id: id.parse().ok()?, deliveries, redelivered: redelivered == "1", hold };
                Some(ClaimAnswer::Claimed(claim))
            }
            [kind, cause, at, now] if kind == "wait" => {
                let why = WaitCause::ALL.into_iter().find(|why| why.as_str() == cause)?;
                counter!("drover_queue_waits_total", "cause" => why.as_str()).increment(1);
                if why == WaitCause::Loading {
                    self.shared.load_wanted.notify_one();
                }
                Some(ClaimAnswer::AskAgain { at_ms: if at.is_empty() { None } else { Some(moved(at, now)?) }, why })
            }
            _ => None,
        }
    }
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
    pub(super) hold: Hold,
}

/// What settling a claim takes.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) queue: Queue,
    pub(super) session: SessionName,
    pub(super) chat: String,
    pub(super) token: String,
    pub(super) lease_until_ms: i64,
}

impl Claim {
    /// When the lease ends (Unix milliseconds of the caller's clock).
    #[must_use]
    pub fn lease_until_ms(&self) -> i64 {
        self.hold.lease_until_ms
    }
}
