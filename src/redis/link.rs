//! One life of the link to Redis: a connection for commands and one for the wake-up subscription. It is replaced as a whole
//! when either breaks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ::redis::{ErrorKind, FromRedisValue, RedisResult, Script, ToRedisArgs, aio::PubSub};
use futures::StreamExt;
use metrics::{counter, histogram};
use tokio::{
    sync::{Notify, watch},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    RedisError, WAKE_CHANNEL,
    endpoint::{Commands, Endpoint},
    error::breaks_link,
    functions::{Function, Functions, invoke},
    wake::Wakers,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// No script or command of ours takes a hundredth of it; past it the server hangs.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// As many tell one process from another; the queue's functions keep no more of them either (scripts/session.lua).
const SERVER_DIGITS: usize = 16;
/// A connection that died without a word (a pulled cable) is noticed after this.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// A live link. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Link {
    commands: Commands,
    server: Arc<str>,
    functions: Arc<Functions>,
    broken: Arc<Notify>,
}

impl Link {
    /// The server process at the other end (the first 16 digits of its `run_id`): another one after every restart and failover. Empty for a cluster, where
    /// each key has its own: a script asks the server that runs it.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Runs a script by its hash, loading it where the server does not know it.
    ///
    /// # Errors
    /// When the connection breaks, the server refuses, or the script fails.
    pub async fn invoke<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[impl ToRedisArgs],
    ) -> Result<T, RedisError> {
        let began = Instant::now();
        self.judged(began, invoke(&mut self.commands.clone(), script, keys, arguments).await)
    }

    /// Calls a function, loading its library where the server does not know it.
    ///
    /// # Errors
    /// When the connection breaks, the server refuses, or the function fails.
    pub async fn call<T: FromRedisValue>(
        &self,
        function: &Function,
        keys: &[String],
        arguments: &[impl ToRedisArgs],
    ) -> Result<T, RedisError> {
        let began = Instant::now();
        self.judged(began, self.functions.call(&mut self.commands.clone(), function, keys, arguments).await)
    }

    /// Runs a command.
    ///
    /// # Errors
    /// When the connection breaks or the server refuses.
    pub async fn command<T: FromRedisValue>(&self, command: &::redis::Cmd) -> Result<T, RedisError> {
        let began = Instant::now();
        self.judged(began, command.query_async(&mut self.commands.clone()).await)
    }

    /// Whether the server answers; of a cluster, whether every primary does.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.command::<::redis::Value>(&::redis::cmd("PING")).await.map(drop)
    }

    fn judged<T>(&self, began: Instant, result: RedisResult<T>) -> Result<T, RedisError> {
        histogram!("drover_redis_call_seconds").record(began.elapsed());
        result.map_err(|error| {
            counter!("drover_redis_errors_total").increment(1);
            if breaks_link(&error) {
                self.broken.notify_one();
            }
            RedisError::Command(error)
        })
    }
}

/// Connects both ways, and asks who answers.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<(Link, PubSub), RedisError> {
    let give_up = |_| RedisError::Command((ErrorKind::Io, "no answer in time").into());
    timeout(CONNECT_TIMEOUT, connect_both(endpoint)).await.map_err(give_up)?
}

async fn connect_both(endpoint: &Endpoint) -> Result<(Link, PubSub), RedisError> {
    let mut commands = endpoint.commands(RESPONSE_TIMEOUT).await?;
    let server = if commands.is_cluster() {
        check_cluster(&mut commands).await?;
        String::new()
    } else {
        server_of(&mut commands).await?
    };
    let mut subscription = endpoint.subscription().await?;
    subscription.subscribe(WAKE_CHANNEL).await?;
    let (functions, broken) = (Arc::default(), Arc::new(Notify::new()));
    Ok((Link { commands, server: server.into(), functions, broken }, subscription))
}

/// Who answers; it must be a primary that is up.
async fn server_of(commands: &mut Commands) -> Result<String, RedisError> {
    // Refused while it loads its data, unlike the questions below.
    let _: String = ::redis::cmd("PING").query_async(commands).await?;
    let about: String = ::redis::cmd("INFO").arg("server").query_async(commands).await?;
    let replication: String = ::redis::cmd("INFO").arg("replication").query_async(commands).await?;
    if field(&replication, "role").is_some_and(|role| role != "master") {
        return Err(RedisError::Replica);
    }
    Ok(field(&about, "run_id").unwrap_or_default().chars().take(SERVER_DIGITS).collect())
}

/// Every key must have a primary that is up.
async fn check_cluster(commands: &mut Commands) -> Result<(), RedisError> {
    let _: ::redis::Value = ::redis::cmd("PING").query_async(commands).await?;
    let about: String = ::redis::cmd("CLUSTER").arg("INFO").query_async(commands).await?;
    match field(&about, "cluster_state") {
        Some("ok") => Ok(()),
        state => Err(RedisError::ClusterState(state.unwrap_or("unknown").to_owned())),
    }
}

/// A field of what `INFO` says.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Keeps the link up until it is told to stop.
pub(super) struct Maintained {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) links: watch::Sender<Option<Link>>,
    pub(super) wakers: Arc<Wakers>,
    pub(super) stop: CancellationToken,
}

impl Maintained {
    /// `subscription` is that of the link already published.
    pub(super) async fn run(self, subscription: PubSub) {
        let mut subscription = Some(subscription);
        let mut pause = FIRST_PAUSE;
        while let Some(current) = subscription.take() {
            let up_since = Instant::now();
            let broken = self.serve(current).await;
            // What breaks as soon as it is up will do so again: a cluster goes on as if all were well, until it agrees that a
            // primary is gone.
            if up_since.elapsed() >= LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            self.links.send_replace(None);
            if self.stop.is_cancelled() {
                return;
            }
            tracing::warn!(reason = broken, "the link to Redis broke; reconnecting");
            subscription = self.reconnect(&mut pause).await;
        }
    }

    /// Passes wake-ups on until the link breaks; why it did.
    async fn serve(&self, subscription: PubSub) -> &'static str {
        let Some(link) = self.links.borrow().clone() else { return "never up" };
        let (mut sink, mut messages) = subscription.split();
        let mut probes = interval(PROBE_EVERY);
        probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return "shutdown",
                () = link.broken.notified() => return "a command failed",
                message = messages.next() => match message {
                    Some(message) => self.wakers.wake(&String::from_utf8_lossy(message.get_payload_bytes())),
                    None => return "the subscription ended",
                },
                _ = probes.tick() => {
                    let both = async { link.ping().await.is_ok() && sink.ping::<::redis::Value>().await.is_ok() };
                    if !timeout(RESPONSE_TIMEOUT, both).await.unwrap_or(false) {
                        return "no answer to a probe";
                    }
                }
            }
        }
    }

    /// Tries until it is up again; None when drover shuts down.
    async fn reconnect(&self, pause: &mut Duration) -> Option<PubSub> {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(*pause) => {}
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            match connect(&self.endpoint).await {
                Ok((link, subscription)) => {
                    tracing::info!("the link to Redis is up again");
                    counter!("drover_redis_reconnects_total").increment(1);
                    self.links.send_replace(Some(link));
                    self.wakers.wake_all();
                    return Some(subscription);
                }
                Err(error) => tracing::debug!(%error, "Redis is still down"),
            }
        }
    }
}
