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
        self.set_paused(&link, session, "own", cause.map_or("", PauseCause::as_str)).await
    }

    /// Why a session is paused by itself, as Redis has it.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn paused(&self, session: &SessionName) -> Result<Option<PauseCause>, QueueError> {
        let link = self.shared.connections.link()?;
        let cause: String = self.run(&link, &self.shared.scripts.paused, session, Vec::new()).await?;
        Ok(PauseCause::read(&cause))
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
            self.set_paused(&link, &session, "all", if is_paused { "1" } else { "" }).await?;
        }
        Ok(())
    }

    /// Of its `own` for a cause or none, or with `all` by 1 or none, as `pause.lua` has it.
    pub(super) async fn set_paused(
        &self,
        link: &Link,
        session: &SessionName,
        which: &'static str,
        value: &str,
    ) -> Result<(), QueueError> {
        let arguments = vec![which.into(), value.into()];
        let _: i64 = self.run(link, &self.shared.scripts.pause, session, arguments).await?;
        Ok(())
    }
}
