//! Pausing one session or all. A claim looks at its own session's keys only, so a pause of all is copied to each.

use super::{Queue, QueueError, keys};
use crate::{
    model::{PauseCause, SessionName},
    redis::Link,
};

impl Queue {
    /// Stops handing out messages, of one session or of all, because a person asked for it.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn pause(&self, session: Option<&SessionName>) -> Result<(), QueueError> {
        match session {
            Some(session) => self.set_pause(session, Some(PauseCause::Operator)).await,
            None => self.set_pause_of_all(true).await,
        }
    }

    /// Goes on handing out messages. Resuming one session does not lift a pause of all, nor the other way round.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn resume(&self, session: Option<&SessionName>) -> Result<(), QueueError> {
        match session {
            Some(session) => self.set_pause(session, None).await,
            None => self.set_pause_of_all(false).await,
        }
    }

    /// Pauses a session for a cause, or lets it go on.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn set_pause(&self, session: &SessionName, cause: Option<PauseCause>) -> Result<(), QueueError> {
        let link = self.shared.connections.link()?;
        self.set_paused(&link, session, "paused", cause.map_or("", PauseCause::as_str)).await
    }

    /// Why a session is paused by itself, as Redis has it.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn paused(&self, session: &SessionName) -> Result<Option<PauseCause>, QueueError> {
        let link = self.shared.connections.link()?;
        let state = keys::of_session(session, keys::STATE);
        let cause: Option<String> = link.command(::redis::cmd("HGET").arg(state).arg("paused")).await?;
        Ok(cause.as_deref().and_then(PauseCause::read))
    }

    /// Whether all sessions are paused, as Redis has it.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn are_all_paused(&self) -> Result<bool, QueueError> {
        self.are_all_paused_over(&self.shared.connections.link()?).await
    }

    pub(super) async fn are_all_paused_over(&self, link: &Link) -> Result<bool, QueueError> {
        Ok(link.command(::redis::cmd("EXISTS").arg(keys::PAUSED_ALL)).await?)
    }

    async fn set_pause_of_all(&self, is_paused: bool) -> Result<(), QueueError> {
        let link = self.shared.connections.link()?;
        // First for those to come, then for those that are there.
        let mut for_all = ::redis::cmd(if is_paused { "SET" } else { "DEL" });
        for_all.arg(keys::PAUSED_ALL);
        if is_paused {
            for_all.arg(1);
        }
        let _: ::redis::Value = link.command(&for_all).await?;
        let names: Vec<String> = link.command(::redis::cmd("SMEMBERS").arg(keys::SESSIONS)).await?;
        for session in names.iter().filter_map(|name| name.parse().ok()) {
            self.set_paused(&link, &session, "paused_all", if is_paused { "1" } else { "0" }).await?;
        }
        Ok(())
    }

    pub(super) async fn set_paused(
        &self,
        link: &Link,
        session: &SessionName,
        field: &str,
        value: &str,
    ) -> Result<(), QueueError> {
        let state = keys::of_session(session, keys::STATE);
        let _: i64 = link.command(::redis::cmd("HSET").arg(state).arg(field).arg(value)).await?;
        let _: i64 = link.command(::redis::cmd("PUBLISH").arg(keys::WAKE_CHANNEL).arg(session.as_str())).await?;
        Ok(())
    }
}
