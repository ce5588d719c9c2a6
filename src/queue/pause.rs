//! Pausing one session or all. A claim looks at its own session's keys only, so a pause of all is copied to each.

use super::{Queue, QueueError, keys};
use crate::{model::SessionName, redis::Link};

impl Queue {
    /// Stops handing out messages, of one session or of all.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn pause(&self, session: Option<&SessionName>) -> Result<(), QueueError> {
        self.pause_or_resume(session, true).await
    }

    /// Goes on handing out messages. Resuming one session does not lift a pause of all, nor the other way round.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn resume(&self, session: Option<&SessionName>) -> Result<(), QueueError> {
        self.pause_or_resume(session, false).await
    }

    async fn pause_or_resume(&self, session: Option<&SessionName>, is_paused: bool) -> Result<(), QueueError> {
        let link = self.shared.connections.link()?;
        if let Some(session) = session {
            return self.set_paused(&link, session, "paused", is_paused).await;
        }
        // First for those to come, then for those that are there.
        let mut for_all = ::redis::cmd(if is_paused { "SET" } else { "DEL" });
        for_all.arg(keys::PAUSED_ALL);
        if is_paused {
            for_all.arg(1);
        }
        let _: ::redis::Value = link.command(&for_all).await?;
        let names: Vec<String> = link.command(::redis::cmd("SMEMBERS").arg(keys::SESSIONS)).await?;
        for session in names.iter().filter_map(|name| name.parse().ok()) {
            self.set_paused(&link, &session, "paused_all", is_paused).await?;
        }
        Ok(())
    }

    pub(super) async fn set_paused(
        &self,
        link: &Link,
        session: &SessionName,
        field: &str,
        is_paused: bool,
    ) -> Result<(), QueueError> {
        let state = keys::of_session(session, keys::STATE);
        let _: i64 = link.command(::redis::cmd("HSET").arg(state).arg(field).arg(i64::from(is_paused))).await?;
        let _: i64 = link.command(::redis::cmd("PUBLISH").arg(keys::WAKE_CHANNEL).arg(session.as_str())).await?;
        Ok(())
    }
}
