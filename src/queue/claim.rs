//! A claim: one message, held for a while, settled by value.

use metrics::counter;
use rand::RngExt;

use super::{Queue, QueueError, filed};
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
        let asked = self.ask(session);
        let arguments = vec![asked.limits.clone(), link.server().into(), asked.token.to_vec()];
        let script = &self.shared.scripts.claim;
        let answer: Vec<String> = self.run(&link, script, session, arguments).await?;
        self.read_claim(session, asked, &answer).ok_or(QueueError::Answer { script: script.name, answer })
    }

    /// What a claim of this moment tells the scripts.
    pub(super) fn ask(&self, session: &SessionName) -> Asked {
        let shared = &self.shared;
        let now_ms = shared.clock.now_ms();
        let (limits, per_day) = shared.paces.in_force(session, now_ms);
        let jitter_ms = rand::rng().random_range(0..=limits.gap_jitter_ms);
        let lease_ms = shared.settings.lease_s * 1000;
        let numbers = [
            lease_ms,
            limits.gap_ms + jitter_ms,
            limits.per_minute.into(),
            limits.burst.into(),
            limits.per_hour.into(),
            per_day.unwrap_or(0).into(),
            limits.per_recipient_per_minute.into(),
            shared.settings.circuit_failures.into(),
            shared.settings.circuit_open_s * 1000,
        ];
        let packed = |number: &u64| u32::try_from(*number).unwrap_or(u32::MAX).to_le_bytes();
        let limits = numbers.iter().flat_map(packed).collect();
        let lease_until_ms = shared.clock.steady_ms().saturating_add(i64::try_from(lease_ms).unwrap_or(i64::MAX));
        let mut token = [0; 16];
        token[..8].copy_from_slice(&shared.owner);
        token[8..].copy_from_slice(&rand::rng().random::<[u8; 8]>());
        Asked { limits, token, lease_until_ms }
    }

    /// What `claiming.lua` answers.
    pub(super) fn read_claim(&self, session: &SessionName, asked: Asked, answer: &[String]) -> Option<ClaimAnswer> {
        match answer {
            [kind, written, deliveries, redelivered] if kind == "claimed" => {
                counter!("drover_queue_claims_total", "session" => session.to_string()).increment(1);
                let Asked { token, lease_until_ms, .. } = asked;
                let hold = Hold { queue: self.clone(), session: session.clone(), token, lease_until_ms };
                let (id, deliveries) = (filed::id_of(written)?, deliveries.parse().ok()?);
                Some(ClaimAnswer::Claimed(Claim { id, deliveries, redelivered: redelivered == "1", hold }))
            }
            [kind, cause, in_ms, _] if kind == "wait" => {
                let why = WaitCause::ALL.into_iter().find(|why| why.as_str() == cause)?;
                counter!("drover_queue_waits_total", "cause" => why.as_str()).increment(1);
                if why == WaitCause::Loading {
                    self.shared.load_wanted.notify_one();
                }
                // The script says it in Redis' time: only how long it is, is true here too.
                let at_ms = match in_ms.as_str() {
                    "" => None,
                    in_ms => Some(self.shared.clock.now_ms() + in_ms.parse::<i64>().ok()?),
                };
                Some(ClaimAnswer::AskAgain { at_ms, why })
            }
            _ => None,
        }
    }
}

/// What tells one claim from every other. Bytes, since every one of them costs Redis time with each claim.
type Token = [u8; 16];

/// What a claim is asked for with.
#[derive(Debug)]
pub(super) struct Asked {
    /// As `limits.lua` reads them.
    pub(super) limits: Vec<u8>,
    /// 64 random bits after the 64 of this process: nobody has it twice, not even after Redis lost all it knew.
    pub(super) token: Token,
    /// When the lease ends at the latest, by the steady clock: counted from before the script does.
    lease_until_ms: i64,
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
    pub(super) token: Token,
    pub(super) lease_until_ms: i64,
}

impl Claim {
    /// When the lease ends (milliseconds of the caller's steady clock).
    #[must_use]
    pub fn lease_until_ms(&self) -> i64 {
        self.hold.lease_until_ms
    }
}
