//! How a session's queue stands.

use super::{Queue, QueueError};
use crate::model::{PauseCause, SessionName};

/// How a session's queue stands. Times are Unix milliseconds of the caller's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Messages that wait, scheduled ones and those that back off included; without those a sender holds.
    pub waiting: u64,
    /// Messages that a sender holds.
    pub claimed: u64,
    /// When the next chat that waits for its time becomes due.
    pub next_due_at_ms: Option<i64>,
    /// What stands still.
    pub blocked: Blocked,
    /// How many may still go in this minute.
    pub left_this_minute: u32,
    /// How many may still go in this hour.
    pub left_this_hour: u32,
    /// How many may still go today, while the account is young; None: there is no cap.
    pub left_today: Option<u32>,
}

/// What keeps a whole queue from moving.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Blocked {
    /// This session is paused.
    pub paused: bool,
    /// Why it is.
    pub cause: Option<PauseCause>,
    /// All sessions are paused.
    pub paused_all: bool,
    /// The circuit is open until then.
    pub circuit_open_until_ms: Option<i64>,
}

impl Queue {
    /// How a session's queue stands.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn stats(&self, session: &SessionName) -> Result<QueueStats, QueueError> {
        let shared = &self.shared;
        let link = shared.connections.link()?;
        let script = &shared.scripts.stats;
        let answer: Vec<String> = self.run(&link, script, session, Vec::new()).await?;
        self.read_stats(session, &answer).ok_or(QueueError::Answer { script: script.name, answer })
    }

    fn read_stats(&self, session: &SessionName, answer: &[String]) -> Option<QueueStats> {
        let [messages, held, due, paused, paused_all, failures, open_until, in_minute, in_hour, today, now] = answer
        else {
            return None;
        };
        let settings = &self.shared.settings;
        let (limits, per_day) = self.shared.paces.in_force(session, self.shared.clock.now_ms());
        let number = |text: &String| text.parse::<i64>().ok();
        let now = number(now)?;
        let here = |at: i64| self.shared.clock.now_ms() + at - now;
        let (messages, claimed): (u64, u64) = (messages.parse().ok()?, held.parse().ok()?);
        let is_open = settings.circuit_failures > 0
            && number(failures)? >= i64::from(settings.circuit_failures)
            && number(open_until)? > now;
        let left = |limit: u32, used: &String| Some(limit.saturating_sub(used.parse().ok()?));
        Some(QueueStats {
            waiting: messages.saturating_sub(claimed),
            claimed,
            next_due_at_ms: if due.is_empty() { None } else { Some(here(number(due)?)) },
            blocked: Blocked {
                paused: !paused.is_empty(),
                cause: PauseCause::read(paused),
                paused_all: paused_all == "1",
                circuit_open_until_ms: if is_open { Some(here(number(open_until)?)) } else { None },
            },
            left_this_minute: left(limits.per_minute, in_minute)?,
            left_this_hour: left(limits.per_hour, in_hour)?,
            left_today: match per_day {
                Some(per_day) => Some(left(per_day, today)?),
                None => None,
            },
        })
    }
}
