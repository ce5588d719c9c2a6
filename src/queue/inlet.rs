//! The inlet's stream: what backends without HTTP write straight to Redis, read by the nodes as one consumer group.
//!
//! Read on a connection of its own, since a read blocks. An entry stays in the stream until [`Inlet::done`]; whoever read it and
//! died leaves it pending, for its own next start or for [`Inlet::abandoned`].

use std::{collections::HashMap, time::Duration};

use ::redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value};

use super::{LinkChanges, Queue, QueueError, keys};
use crate::redis::{Connections, Dedicated, RedisError};

/// An entry of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InletEntry {
    /// Its id in the stream.
    pub id: String,
    /// Its field `payload`; None when it has none, or it is not UTF-8.
    pub payload: Option<String>,
}

/// Why an entry was not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// For programs; the API has the same.
    pub code: &'static str,
    /// For people.
    pub reason: String,
}

/// Reads the stream as one consumer.
#[derive(Debug)]
pub struct Inlet {
    connections: Connections,
    consumer: String,
    connection: Option<Dedicated>,
}

type Fields = HashMap<String, Vec<u8>>;
type Entries = Vec<(String, Option<Fields>)>;

impl Queue {
    /// The inlet, read as this consumer: a name that this node has after a restart too, and no other node ever.
    #[must_use]
    pub fn inlet(&self, consumer: String) -> Inlet {
        Inlet { connections: self.shared.connections.clone(), consumer, connection: None }
    }
}

impl Inlet {
    /// Waits for new entries, for a few seconds at most; the oldest first.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<InletEntry>, QueueError> {
        self.read(limit, ">").await
    }

    /// What this consumer read and did not finish; the oldest first.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn unfinished(&mut self, limit: usize) -> Result<Vec<InletEntry>, QueueError> {
        self.read(limit, "0").await
    }

    async fn read(&mut self, limit: usize, from: &str) -> Result<Vec<InletEntry>, QueueError> {
        let mut command = cmd("XREADGROUP");
        command.arg("GROUP").arg(keys::INLET_GROUP).arg(&self.consumer).arg("COUNT").arg(limit);
        command.arg("BLOCK").arg(u64::try_from(Dedicated::LONGEST_BLOCK.as_millis()).unwrap_or(u64::MAX));
        command.arg("STREAMS").arg(keys::INLET).arg(from);
        let read: Option<Vec<(String, Entries)>> = self.in_group(&command).await?;
        Ok(read.into_iter().flatten().flat_map(|(_, entries)| entries).map(InletEntry::read).collect())
    }

    /// Takes over what another consumer read and has not finished for so long: it is dead.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn abandoned(&mut self, idle: Duration, limit: usize) -> Result<Vec<InletEntry>, QueueError> {
        let mut command = cmd("XAUTOCLAIM");
        command.arg(keys::INLET).arg(keys::INLET_GROUP).arg(&self.consumer);
        command.arg(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)).arg("0-0").arg("COUNT").arg(limit);
        // The cursor, the entries, and from Redis 7 on the ids of those that are deleted.
        let answer: Vec<Value> = self.in_group(&command).await?;
        let entries = answer.into_iter().nth(1).unwrap_or(Value::Array(Vec::new()));
        let entries: Entries = from_redis_value(entries).map_err(|error| RedisError::Command(error.into()))?;
        Ok(entries.into_iter().map(InletEntry::read).collect())
    }

    /// Takes an entry out of the stream.
    ///
    /// # Errors
    /// When Redis fails: it is read again.
    pub async fn done(&mut self, id: &str) -> Result<(), QueueError> {
        let _: i64 = self.run(cmd("XACK").arg(keys::INLET).arg(keys::INLET_GROUP).arg(id)).await?;
        let _: i64 = self.run(cmd("XDEL").arg(keys::INLET).arg(id)).await?;
        Ok(())
    }

    /// Lays an entry aside with the reason, then takes it out of the stream.
    ///
    /// # Errors
    /// When Redis fails: it is read again, and may be laid aside twice.
    pub async fn reject(&mut self, entry: &InletEntry, rejection: &Rejection) -> Result<(), QueueError> {
        let mut command = cmd("XADD");
        command.arg(keys::INLET_REJECTED).arg("MAXLEN").arg("~").arg(keys::INLET_REJECTED_KEPT).arg("*");
        command.arg("entry").arg(&entry.id).arg("code").arg(rejection.code).arg("reason").arg(&rejection.reason);
        command.arg("payload").arg(entry.payload.as_deref().unwrap_or_default());
        let _: String = self.run(&command).await?;
        self.done(&entry.id).await
    }

    /// Changes whenever Redis goes down or comes back.
    #[must_use]
    pub fn link_changes(&self) -> LinkChanges {
        self.connections.link_changes()
    }

    /// Runs a command that needs the group, which an emptied Redis has lost.
    async fn in_group<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, QueueError> {
        match self.run(command).await {
            Err(QueueError::Redis(RedisError::Command(error))) if error.code() == Some("NOGROUP") => {
                self.make_group().await?;
                self.run(command).await
            }
            other => other,
        }
    }

    async fn make_group(&mut self) -> Result<(), QueueError> {
        let mut create = cmd("XGROUP");
        // From the start: what was written before there was a group is read too.
        create.arg("CREATE").arg(keys::INLET).arg(keys::INLET_GROUP).arg("0").arg("MKSTREAM");
        match self.run::<Value>(&create).await {
            Err(QueueError::Redis(RedisError::Command(error))) if error.code() == Some("BUSYGROUP") => Ok(()),
            other => other.map(drop),
        }
    }

    async fn run<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, QueueError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connections.dedicated().await?,
        };
        let answer = connection.command(command).await;
        // A call that was dropped half-way, or failed, leaves its connection behind; one that was refused need not.
        if answer.as_ref().err().is_none_or(|error| !error.is_gone()) {
            self.connection = Some(connection);
        }
        Ok(answer?)
    }
}

impl InletEntry {
    /// One that was deleted while it was pending has no fields any more.
    fn read((id, fields): (String, Option<Fields>)) -> Self {
        let payload = fields.and_then(|mut fields| fields.remove("payload"));
        Self { id, payload: payload.and_then(|payload| String::from_utf8(payload).ok()) }
    }
}
