//! Redis: the one that the settings name, or whether a private one can be started.

use std::{process::Stdio, time::Duration};

use tokio::time::timeout;

use super::Finding;
use crate::{
    config,
    redis::{RedisFacts, facts},
};

const CHECK: &str = "redis";
/// The inlet's XAUTOCLAIM came with it.
const OLDEST: (u32, u32) = (6, 2);
const VERSION_LIMIT: Duration = Duration::from_secs(5);

/// The finding, and how far its clock is ahead of ours, in milliseconds.
pub(super) async fn examine(settings: &config::Redis) -> (Finding, Option<i64>) {
    if settings.url.is_empty() {
        return (private(&settings.server).await, None);
    }
    match facts(settings).await {
        Ok(facts) => (judge(&facts), Some(facts.clock_ahead_ms)),
        Err(error) => (Finding::fail(CHECK, error.to_string(), "start it, or correct REDIS_URL"), None),
    }
}

async fn private(server: &str) -> Finding {
    let advice = "install it (apt-get install redis-server), set [redis] server to its path, or set REDIS_URL to a running \
                  Redis";
    let mut command = tokio::process::Command::new(server);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(Ok(output)) = timeout(VERSION_LIMIT, command.output()).await else {
        return Finding::fail(CHECK, format!("REDIS_URL is empty, and '{server}' cannot be started"), advice);
    };
    // Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=...
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or_default();
    if is_too_old(version) {
        return Finding::fail(CHECK, format!("'{server}' is version {version}"), too_old());
    }
    Finding::ok(CHECK, format!("a private one can be started ({server} {version}); REDIS_URL is empty"))
}

fn judge(facts: &RedisFacts) -> Finding {
    let RedisFacts { version, maxmemory_policy: policy, .. } = facts;
    let persistence = match (facts.is_append_only, facts.saves_snapshots) {
        (true, _) => "append-only file",
        (false, Some(true)) => "snapshots",
        (false, Some(false)) => "no persistence",
        (false, None) => "no append-only file",
    };
    let found = format!("{version}, {persistence}, {policy}");
    if is_too_old(version) {
        return Finding::fail(CHECK, found, too_old());
    }
    let evicts = policy != "noeviction";
    let advice = "set maxmemory-policy noeviction: a server that evicts keys throws parts of the queue away";
    if evicts && facts.maxmemory_bytes > 0 {
        return Finding::fail(CHECK, found, advice);
    }
    if evicts {
        return Finding::warn(CHECK, format!("{found} without a maxmemory"), advice);
    }
    if persistence == "no persistence" {
        let advice = "no message is lost by that, for the database has them all and the queue is filled from there; but \
                      appendonly yes spares it that after a restart of Redis";
        return Finding::warn(CHECK, found, advice);
    }
    Finding::ok(CHECK, found)
}

fn is_too_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX));
    let (major, minor) = (parts.next().unwrap_or(u32::MAX), parts.next().unwrap_or(u32::MAX));
    (major, minor) < OLDEST
}

fn too_old() -> String {
    format!("use Redis {}.{} or later", OLDEST.0, OLDEST.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn facts() -> RedisFacts {
        RedisFacts {
            version: "7.0.15".to_owned(),
            is_append_only: true,
            saves_snapshots: Some(false),
            maxmemory_policy: "noeviction".to_owned(),
            maxmemory_bytes: 0,
            clock_ahead_ms: 0,
        }
    }

    #[test]
    fn each_shortcoming_has_its_verdict() {
        assert_eq!(judge(&facts()).verdict, Verdict::Ok);
        let old = RedisFacts { version: "6.0.16".to_owned(), ..facts() };
        assert_eq!(judge(&old).verdict, Verdict::Fail);
        let forgetful = RedisFacts { is_append_only: false, ..facts() };
        assert_eq!(judge(&forgetful).verdict, Verdict::Warn);
        let managed = RedisFacts { is_append_only: false, saves_snapshots: None, ..facts() };
        assert_eq!(judge(&managed).verdict, Verdict::Ok);
        let roomy = RedisFacts { maxmemory_policy: "allkeys-lru".to_owned(), ..facts() };
        assert_eq!(judge(&roomy).verdict, Verdict::Warn);
        let tight = RedisFacts { maxmemory_bytes: 1 << 20, ..roomy };
        assert_eq!(judge(&tight).verdict, Verdict::Fail);
    }

    #[test]
    fn versions_are_numbers() {
        assert!(is_too_old("6.0.16") && is_too_old("5.0"));
        assert!(!is_too_old("6.2.0") && !is_too_old("10.0") && !is_too_old("unknown"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told() {
        assert_eq!(private("no-such-redis-server").await.verdict, Verdict::Fail);
    }
}
