//! How a claim ends: settled alone, or in the same round trip as the next claim.

use std::time::Duration;

use metrics::counter;
use tokio::time::{Instant, timeout_at};

use super::{Claim, ClaimAnswer, QueueError, claim::Hold};

/// How a claim ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done: sent, or nothing to do. Closes the circuit.
    Ack,
    /// Failed; again after a while, before every later message of its chat. Counts for the circuit.
    Retry {
        /// How long it waits.
        after: Duration,
    },
    /// Given up because of the message itself (not on WhatsApp, invalid): says nothing about the session.
    Bury,
    /// Given up because the last attempt failed too. Counts for the circuit.
    BurySpent,
    /// Not tried: back where it was, and no rate used.
    Release,
    /// Its row was settled before it came here (cancelled, expired, or sent before Redis lost that): it goes, and no rate is
    /// used.
    Void,
}

impl Verdict {
    /// The name in the script.
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

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// It holds.
    Done,
    /// The lease ran out, or Redis was emptied: the message may be, or was, claimed again.
    Lost,
}

/// What a settlement did to the session's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitChange {
    /// Too many failures in a row: the queue rests.
    Opened,
    /// The probe failed too: the queue rests on.
    Reopened,
    /// The probe succeeded: the queue goes on.
    Closed,
}

/// What became of a settlement, and of the circuit by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Settlement {
    /// Whether it holds.
    pub settled: Settled,
    /// What it did to the circuit.
    pub circuit: Option<CircuitChange>,
}

impl Claim {
    /// Ends the claim. While Redis is down it waits for it, until the lease ends.
    ///
    /// # Errors
    /// When Redis fails, or stays down: the message comes back when the lease ends.
    pub async fn settle(self, verdict: Verdict) -> Result<Settlement, QueueError> {
        Ok(self.end(verdict, false).await?.0)
    }

    /// Ends the claim and takes the next message of the session, in one script call.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn settle_and_claim(self, verdict: Verdict) -> Result<(Settlement, ClaimAnswer), QueueError> {
        let (settlement, next) = self.end(verdict, true).await?;
        Ok((settlement, next.expect("it was asked for")))
    }

    /// [`Verdict::Ack`].
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn ack(self) -> Result<Settled, QueueError> {
        Ok(self.settle(Verdict::Ack).await?.settled)
    }

    /// [`Verdict::Retry`].
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn retry(self, after: Duration) -> Result<Settled, QueueError> {
        Ok(self.settle(Verdict::Retry { after }).await?.settled)
    }

    /// [`Verdict::Bury`].
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn bury(self) -> Result<Settled, QueueError> {
        Ok(self.settle(Verdict::Bury).await?.settled)
    }

    /// [`Verdict::BurySpent`].
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn bury_spent(self) -> Result<Settled, QueueError> {
        Ok(self.settle(Verdict::BurySpent).await?.settled)
    }

    /// [`Verdict::Release`].
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn release(self) -> Result<Settled, QueueError> {
        Ok(self.settle(Verdict::Release).await?.settled)
    }

    /// [`Verdict::Void`].
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn void(self) -> Result<Settled, QueueError> {
        Ok(self.settle(Verdict::Void).await?.settled)
    }

    async fn end(self, verdict: Verdict, and_claim: bool) -> Result<(Settlement, Option<ClaimAnswer>), QueueError> {
        let shared = &self.hold.queue.shared;
        let left_ms = u64::try_from(self.hold.lease_until_ms - shared.clock.steady_ms()).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_millis(left_ms);
        let mut links = shared.connections.link_changes();
        loop {
            match self.try_to_end(verdict, and_claim).await {
                Ok(ended) => {
                    if matches!(verdict, Verdict::Retry { .. }) {
                        let session = self.hold.session.to_string();
                        counter!("drover_queue_retries_total", "session" => session).increment(1);
                    }
                    return Ok(ended);
                }
                // Settling again what was settled before the answer got lost says `Lost`, and does no harm.
                Err(error) if error.is_redis_gone() => match timeout_at(deadline, links.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_to_end(
        &self,
        verdict: Verdict,
        and_claim: bool,
    ) -> Result<(Settlement, Option<ClaimAnswer>), QueueError> {
        let Hold { queue, session, token, .. } = &self.hold;
        let shared = &queue.shared;
        let link = shared.connections.link()?;
        let after = if let Verdict::Retry { after } = verdict { after } else { Duration::ZERO };
        let asked = queue.ask(session);
        let mut arguments: Vec<Vec<u8>> =
            vec![asked.limits.clone(), token.to_vec(), verdict.name().into(), after.as_millis().to_string().into()];
        if !and_claim {
            let script = &shared.scripts.settle;
            let answer: Vec<String> = queue.run(&link, script, session, arguments).await?;
            let settlement = read_settlement(&answer).ok_or(QueueError::Answer { script: script.name, answer })?;
            return Ok((settlement, None));
        }
        arguments.extend([link.server().into(), asked.token.to_vec()]);
        let script = &shared.scripts.settle_and_claim;
        let answer: Vec<String> = queue.run(&link, script, session, arguments).await?;
        let read = answer.split_at_checked(2).and_then(|(settled, claimed)| {
            Some((read_settlement(settled)?, Some(queue.read_claim(session, asked, claimed)?)))
        });
        read.ok_or(QueueError::Answer { script: script.name, answer })
    }
}

/// What `settling.lua` answers.
fn read_settlement(answer: &[String]) -> Option<Settlement> {
    let [held, circuit] = answer else { return None };
    let circuit = match circuit.as_str() {
        "" => None,
        "opened" => Some(CircuitChange::Opened),
        "reopened" => Some(CircuitChange::Reopened),
        "closed" => Some(CircuitChange::Closed),
        _ => return None,
    };
    Some(Settlement { settled: if held == "1" { Settled::Done } else { Settled::Lost }, circuit })
}
