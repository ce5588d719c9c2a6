//! Loading a session's queue from the database, after Redis was emptied, restarted or replaced, or for its first message.

use super::{Queue, QueueError, keys, random_token};
use crate::{
    model::{ChatId, OutboundMessage, PauseCause, SessionName},
    redis::Link,
};

/// What the database knows of a session's limits and circuit, for a Redis that forgot. Times are Unix milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// The attempts of the last hour: when, and to which chat; the earliest first.
    pub in_hour: Vec<(i64, ChatId)>,
    /// How many attempts there were since midnight UTC.
    pub in_day: u32,
    /// How many of the last attempts failed in a row.
    pub failures: u32,
    /// When the last of these failed.
    pub last_failure_ms: Option<i64>,
    /// Why the session is paused by itself.
    pub paused: Option<PauseCause>,
}

impl Used {
    /// Up to when the burst is used up: each attempt takes an interval of it.
    fn burst_used_up_to(&self, per_minute: u32) -> f64 {
        const MINUTE_MS: f64 = 60_000.0;
        if per_minute == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for 280,000 years")]
        self.in_hour
            .iter()
            .fold(0.0, |used_up_to, (at_ms, _)| f64::max(used_up_to, *at_ms as f64) + MINUTE_MS / f64::from(per_minute))
    }
}

/// A load under way. Messages put in meanwhile by others are kept; nothing is handed out until [`Load::finish`].
///
/// All of it goes over one link to one server process: if Redis restarts or is emptied on the way, the load fails, or its end
/// does not find its beginning, and the queue stays closed.
#[derive(Debug)]
pub struct Load {
    queue: Queue,
    session: SessionName,
    link: Link,
    token: String,
}

impl Queue {
    /// Whether the session's queue is complete, and of how many messages.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn depth(&self, session: &SessionName) -> Result<Option<u64>, QueueError> {
        let link = self.shared.connections.link()?;
        let arguments = vec![link.server().into()];
        let depth: i64 = self.run(&link, &self.shared.scripts.depth, session, arguments).await?;
        Ok(u64::try_from(depth).ok())
    }

    /// Begins to load a session's queue.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn load(&self, session: &SessionName) -> Result<Load, QueueError> {
        let link = self.shared.connections.link()?;
        let load = Load { queue: self.clone(), session: session.clone(), link, token: random_token() };
        load.step("begin", "").await?;
        // Known from here on, so that a pause of all reaches it.
        let _: i64 = load.link.command(::redis::cmd("SADD").arg(keys::SESSIONS).arg(session.as_str())).await?;
        Ok(load)
    }
}

impl Load {
    /// Puts a message in, unless it is there.
    ///
    /// # Errors
    /// When Redis fails: begin again.
    pub async fn put(&self, message: &OutboundMessage) -> Result<(), QueueError> {
        self.put_all(std::slice::from_ref(message)).await
    }

    /// Puts messages in, unless they are there.
    ///
    /// # Errors
    /// When Redis fails: begin again.
    pub async fn put_all(&self, messages: &[OutboundMessage]) -> Result<(), QueueError> {
        self.queue.enqueue_over(&self.link, &self.session, messages).await.map(drop)
    }

    /// Puts back how much of its limits the session has used, its circuit and its pause.
    ///
    /// # Errors
    /// When Redis fails: begin again.
    pub async fn restore(&self, used: &Used) -> Result<(), QueueError> {
        let shared = &self.queue.shared;
        let limits = self.queue.limits_of(&self.session);
        let mut arguments: Vec<Vec<u8>> = Vec::with_capacity(7 + 2 * used.in_hour.len());
        let open_ms = i64::try_from(shared.settings.circuit_open_s * 1000).unwrap_or(i64::MAX);
        let open_until = used.last_failure_ms.map_or(0, |at_ms| at_ms.saturating_add(open_ms));
        let last = used.in_hour.last().map_or(0, |(at_ms, _)| *at_ms);
        let gap_ms = i64::try_from(limits.gap_ms).unwrap_or(i64::MAX);
        arguments.extend([
            used.failures.to_string().into(),
            open_until.to_string().into(),
            used.paused.map_or("", PauseCause::as_str).into(),
            last.saturating_add(gap_ms).to_string().into(),
            format!("{:.3}", used.burst_used_up_to(limits.per_minute)).into(),
            used.in_day.to_string().into(),
        ]);
        for (at_ms, chat) in &used.in_hour {
            arguments.extend([at_ms.to_string().into(), chat.as_str().into()]);
        }
        let _: i64 = self.queue.run(&self.link, &shared.scripts.restore, &self.session, arguments).await?;
        Ok(())
    }

    /// Opens the queue; false when Redis was emptied meanwhile: begin again.
    ///
    /// # Errors
    /// When Redis fails: begin again.
    pub async fn finish(self) -> Result<bool, QueueError> {
        let paused_all = self.queue.are_all_paused_over(&self.link).await?;
        let flag = if paused_all { "1" } else { "0" };
        if !self.step("end", flag).await? {
            return Ok(false);
        }
        // A pause of all that fell between the look and the end found the session, and was overwritten.
        let paused_now = self.queue.are_all_paused_over(&self.link).await?;
        if paused_now != paused_all {
            let flag = if paused_now { "1" } else { "" };
            self.queue.set_paused(&self.link, &self.session, "all", flag).await?;
        }
        Ok(true)
    }

    /// Whether `load.lua` did it.
    async fn step(&self, step: &'static str, paused_all: &'static str) -> Result<bool, QueueError> {
        let arguments = vec![step.into(), self.token.as_str().into(), self.link.server().into(), paused_all.into()];
        let done: i64 = self.queue.run(&self.link, &self.queue.shared.scripts.load, &self.session, arguments).await?;
        Ok(done == 1)
    }
}
