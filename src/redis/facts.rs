//! What a Redis says of itself, for whoever looks whether it suits drover.

use std::time::Duration;

use ::redis::{RedisResult, cmd};
use tokio::time::timeout;

use super::{
    RedisError,
    endpoint::{Commands, Endpoint},
    link::field,
};
use crate::{
    clock::{Clock, SystemClock},
    config,
};

const LIMIT: Duration = Duration::from_secs(5);

/// What it says; of a cluster, what one of its nodes says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// Such as `7.0.15`.
    pub version: String,
    /// Whether it writes an append-only file.
    pub is_append_only: bool,
    /// Whether it saves snapshots by itself; None when it does not tell.
    pub saves_snapshots: Option<bool>,
    /// What it does when its memory is used up.
    pub maxmemory_policy: String,
    /// What it may use; 0: no limit.
    pub maxmemory_bytes: u64,
    /// How far its clock is ahead of ours, in milliseconds.
    pub clock_ahead_ms: i64,
}

/// Asks the Redis of the settings.
///
/// # Errors
/// When the address is none, or nobody answers there. The text says what to do.
pub async fn facts(settings: &config::Redis) -> Result<RedisFacts, RedisError> {
    let endpoint = Endpoint::new(settings)?;
    let unreachable = |detail: String| RedisError::Unreachable { url: endpoint.address(), detail };
    match timeout(LIMIT, ask(&endpoint)).await {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable("no answer in time".to_owned())),
    }
}

async fn ask(endpoint: &Endpoint) -> RedisResult<RedisFacts> {
    let mut commands = Commands::Server(endpoint.any_node(LIMIT).await?);
    let before_ms = SystemClock.now_ms();
    let (seconds, micros): (i64, i64) = cmd("TIME").query_async(&mut commands).await?;
    let after_ms = SystemClock.now_ms();
    let mut sections = Vec::new();
    for section in ["server", "persistence", "memory"] {
        sections.push(cmd("INFO").arg(section).query_async::<String>(&mut commands).await?);
    }
    // Managed servers refuse CONFIG.
    let save: RedisResult<Vec<String>> = cmd("CONFIG").arg(&["GET", "save"]).query_async(&mut commands).await;
    let info = sections.concat();
    let fact = |name: &str| field(&info, name).unwrap_or_default();
    Ok(RedisFacts {
        version: fact("redis_version").to_owned(),
        is_append_only: fact("aof_enabled") == "1",
        saves_snapshots: save.ok().and_then(|pair| Some(!pair.get(1)?.is_empty())),
        maxmemory_policy: fact("maxmemory_policy").to_owned(),
        maxmemory_bytes: fact("maxmemory").parse().unwrap_or_default(),
        clock_ahead_ms: seconds * 1000 + micros / 1000 - (before_ms + after_ms) / 2,
    })
}
