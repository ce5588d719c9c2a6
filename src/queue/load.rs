//! Loading a session's queue from the database, after Redis was emptied, restarted or replaced, or for its first message.

use super::{Queue, QueueError, keys, random_token};
use crate::{
    model::{OutboundMessage, SessionName},
    redis::Link,
};

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
        let arguments = [link.server().to_owned()];
        let depth: i64 = self.run(&link, &self.shared.scripts.depth, session, &arguments).await?;
        Ok(u64::try_from(depth).ok())
    }

    /// Begins to load a session's queue.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn load(&self, session: &SessionName) -> Result<Load, QueueError> {
        let link = self.shared.connections.link()?;
        let load = Load { queue: self.clone(), session: session.clone(), link, token: random_token() };
        load.step(&["begin".to_owned(), load.token.clone(), load.link.server().to_owned()]).await?;
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
        self.queue.enqueue_over(&self.link, message).await.map(drop)
    }

    /// Opens the queue; false when Redis was emptied meanwhile: begin again.
    ///
    /// # Errors
    /// When Redis fails: begin again.
    pub async fn finish(self) -> Result<bool, QueueError> {
        let paused_all = self.are_all_paused().await?;
        let flag = if paused_all { "1" } else { "0" };
        let end = ["end".to_owned(), self.token.clone(), self.link.server().to_owned(), flag.to_owned()];
        if !self.step(&end).await? {
            return Ok(false);
        }
        // A pause of all that fell between the look and the end found the session, and was overwritten.
        let paused_now = self.are_all_paused().await?;
        if paused_now != paused_all {
            self.queue.set_paused(&self.link, &self.session, "paused_all", paused_now).await?;
        }
        Ok(true)
    }

    async fn are_all_paused(&self) -> Result<bool, QueueError> {
        Ok(self.link.command(::redis::cmd("EXISTS").arg(keys::PAUSED_ALL)).await?)
    }

    async fn step(&self, arguments: &[String]) -> Result<bool, QueueError> {
        let done: i64 = self.queue.run(&self.link, &self.queue.shared.scripts.load, &self.session, arguments).await?;
        Ok(done == 1)
    }
}
