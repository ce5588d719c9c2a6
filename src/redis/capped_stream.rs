//! A stream of numbered entries that keeps about so many of the newest. An entry's id is its number, so none is there twice.

use ::redis::{Script, cmd};
use tokio::sync::watch;

use super::{Connections, Link, RedisError};

/// What nobody ever finds a stream to end with.
const NOWHERE: i64 = -1;

/// The stream. Several may write it: each call says where it believes the stream ends, and adds nothing when that is not so.
#[derive(Debug)]
pub struct CappedStream {
    connections: Connections,
    key: &'static str,
    kept: u32,
    append: Script,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its number, which is its id; 1 or more.
    pub number: i64,
    /// Names and values.
    pub fields: [(&'static str, String); 3],
}

impl CappedStream {
    /// The stream at a key, which keeps about `kept` entries.
    #[must_use]
    pub fn new(connections: &Connections, key: &'static str, kept: u32) -> Self {
        let append = Script::new(include_str!("capped_stream/append.lua"));
        Self { connections: connections.clone(), key, kept, append }
    }

    /// Adds entries, whose numbers rise, behind the one with the number `after` (0: an empty stream). Gives the number of the last entry:
    /// another one than that of the last of `entries` means that the stream did not end there, and nothing was added.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn append(&self, after: i64, entries: &[StreamEntry]) -> Result<i64, RedisError> {
        let mut arguments = vec![after.to_string(), self.kept.to_string()];
        for StreamEntry { number, fields } in entries {
            arguments.push(number.to_string());
            arguments.push((fields.len() * 2).to_string());
            for (name, value) in fields {
                arguments.push((*name).to_owned());
                arguments.push(value.clone());
            }
        }
        self.connections.link()?.invoke(&self.append, &[self.key.to_owned()], &arguments).await
    }

    /// The number of the last entry that there ever was; 0 when the stream is not there.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn last(&self) -> Result<i64, RedisError> {
        self.append(NOWHERE, &[]).await
    }

    /// Removes the stream.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn clear(&self) -> Result<(), RedisError> {
        self.connections.link()?.command::<i64>(cmd("DEL").arg(self.key)).await.map(drop)
    }

    /// Changes whenever Redis goes down or comes back.
    #[must_use]
    pub fn link_changes(&self) -> watch::Receiver<Option<Link>> {
        self.connections.link_changes()
    }
}
