//! A connection of one user's own, for commands that block.

use std::time::Duration;

use ::redis::FromRedisValue;

use super::{
    RedisError,
    endpoint::{Commands, Endpoint},
};

/// A connection that nobody else uses. When a command on it fails, take another.
#[derive(Debug)]
pub struct Dedicated {
    commands: Commands,
}

impl Dedicated {
    /// How long a command may block at most; what does not answer a while after it is gone.
    pub const LONGEST_BLOCK: Duration = Duration::from_secs(5);

    pub(super) async fn connect(endpoint: &Endpoint) -> Result<Self, RedisError> {
        let commands = endpoint.commands(Self::LONGEST_BLOCK * 2).await?;
        Ok(Self { commands })
    }

    /// Runs a command.
    ///
    /// # Errors
    /// When the connection breaks or the server refuses.
    pub async fn command<T: FromRedisValue>(&mut self, command: &::redis::Cmd) -> Result<T, RedisError> {
        Ok(command.query_async(&mut self.commands).await?)
    }
}
