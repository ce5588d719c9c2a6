//! How often may be asked: by a key for each kind of request, with wrong keys by an address, and at the dashboard's door by an
//! address.
//!
//! Counted in Redis, so that all nodes share a limit and it outlives a restart; while Redis does not answer, by this node in
//! memory. Invariant: a limit never makes a request wait for a Redis that hangs longer than [`PATIENCE`].

mod memory;

use std::{
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracing::debug;

use super::{
    auth::{Action, Principal},
    problem::{Answer, Problem},
};
use crate::{
    clock::Clock,
    config,
    queue::{Queue, Rate, RateStanding},
};
use memory::Memory;

/// The window of all limits.
const MINUTE: Duration = Duration::from_secs(60);
/// The window of sign-ins.
const QUARTER_HOUR: Duration = Duration::from_secs(15 * 60);
/// Wrong keys at the dashboard's door in that time: a person has one key, and types it.
const SIGN_INS: Rate = Rate { limit: 3, window: QUARTER_HOUR };
/// How long Redis may take to count.
const PATIENCE: Duration = Duration::from_millis(250);
/// For how long Redis is not asked after it took longer.
const REST_MS: i64 = 2_000;
/// draft-ietf-httpapi-ratelimit-headers: which limits are in force.
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them.
pub(super) const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// `[rate]` as it stands: it changes while drover runs. Clones share it.
#[derive(Debug, Clone)]
pub struct Rates(Arc<RwLock<config::Rate>>);

impl Rates {
    /// Those that drover starts with.
    #[must_use]
    pub fn new(settings: config::Rate) -> Self {
        Self(Arc::new(RwLock::new(settings)))
    }

    /// Others, from the next request on.
    pub fn set(&self, settings: config::Rate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    fn get(&self) -> config::Rate {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limits. Cheap to clone.
#[derive(Clone)]
pub(super) struct Limiter {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue,
    clock: Arc<dyn Clock>,
    rates: Rates,
    memory: Memory,
    /// Until when Redis is left alone, in milliseconds of the steady clock.
    rests_until_ms: AtomicI64,
}

/// How a key stands after a request.
pub(super) struct Counted {
    name: &'static str,
    rate: Rate,
    standing: RateStanding,
}

/// A try at the dashboard's door that counts.
pub(super) struct SignInTry {
    bucket: String,
    counted: Place,
}

/// Where something was counted.
enum Place {
    Redis,
    Memory,
}

impl Limiter {
    pub(super) fn new(queue: Queue, clock: Arc<dyn Clock>, rates: Rates) -> Self {
        let (memory, rests_until_ms) = (Memory::new(QUARTER_HOUR), AtomicI64::new(0));
        Self { shared: Arc::new(Shared { queue, clock, rates, memory, rests_until_ms }) }
    }

    /// Counts a request of a key that sees so many sessions; None when there is no limit.
    pub(super) async fn request(&self, principal: &Principal, action: Action, sessions: usize) -> Option<Counted> {
        let settings = self.shared.rates.get();
        let (name, each) = match action {
            _ if principal.is_admin() => ("admin", settings.admin_per_minute),
            Action::Read => ("read", settings.read_per_minute),
            Action::Send => ("send", settings.send_per_minute),
            Action::Control => ("control", settings.control_per_minute),
        };
        // A key for all sessions follows each of them.
        let shares = if principal.is_admin() || principal.only_session().is_some() { 1 } else { sessions.max(1) };
        let limit = each.saturating_mul(u32::try_from(shares).unwrap_or(u32::MAX)).min(MOST);
        let rate = Rate { limit, window: MINUTE };
        let standing = self.count(&format!("{name}:{}", principal.key_id()), rate).await?;
        Some(Counted { name, rate, standing })
    }

    /// Counts a wrong key.
    ///
    /// # Errors
    /// When too many came from there.
    pub(super) async fn wrong_key(&self, address: IpAddr) -> Answer<()> {
        let rate = Rate { limit: self.shared.rates.get().wrong_keys_per_minute, window: MINUTE };
        let refusal =
            "too many wrong keys came from this address; wait, and check the key (admin.key in the data folder)";
        self.by_address("wrong", address, rate, refusal).await
    }

    /// Begins a try at the dashboard's door. It counts from now on, so that many at once are no more than a few.
    ///
    /// # Errors
    /// When too many came from there.
    pub(super) async fn sign_in(&self, address: IpAddr) -> Answer<SignInTry> {
        let bucket = format!("sign-in:{}", network(address));
        let (standing, counted) = self.count_anywhere(&bucket, SIGN_INS).await;
        match standing.wait {
            None => Ok(SignInTry { bucket, counted }),
            Some(wait) => Err(too_many("too many wrong keys from this address", wait)),
        }
    }

    /// Takes a try back: its key was right. Who shares an address with others does not lock them out by signing in.
    pub(super) async fn forgive(&self, attempt: &SignInTry) {
        let shared = &self.shared;
        match attempt.counted {
            Place::Memory => shared.memory.take_back(&attempt.bucket),
            Place::Redis => match tokio::time::timeout(PATIENCE, shared.queue.take_back(&attempt.bucket)).await {
                Ok(Ok(())) => {}
                // It counts a quarter of an hour longer than it should.
                Ok(Err(error)) => debug!(%error, "a sign-in was not taken back"),
                Err(_) => debug!("a sign-in was not taken back: Redis does not answer"),
            },
        }
    }

    async fn by_address(&self, name: &str, address: IpAddr, rate: Rate, refusal: &str) -> Answer<()> {
        let standing = self.count(&format!("{name}:{}", network(address)), rate).await;
        match standing.and_then(|standing| standing.wait) {
            None => Ok(()),
            Some(wait) => Err(too_many(refusal, wait)),
        }
    }

    /// None when there is no limit.
    async fn count(&self, bucket: &str, rate: Rate) -> Option<RateStanding> {
        if rate.limit == 0 { None } else { Some(self.count_anywhere(bucket, rate).await.0) }
    }

    async fn count_anywhere(&self, bucket: &str, rate: Rate) -> (RateStanding, Place) {
        let shared = &self.shared;
        let now_ms = shared.clock.steady_ms();
        if now_ms >= shared.rests_until_ms.load(Ordering::Relaxed) {
            match tokio::time::timeout(PATIENCE, shared.queue.count(bucket, rate)).await {
                Ok(Ok(standing)) => return (standing, Place::Redis),
                // The link's own room reports that Redis is gone.
                Ok(Err(error)) => debug!(%error, "a request is counted in memory"),
                Err(_) => shared.rests_until_ms.store(now_ms + REST_MS, Ordering::Relaxed),
            }
        }
        (shared.memory.count(bucket, rate, now_ms), Place::Memory)
    }
}

/// As many requests are remembered of a key.
const MOST: u32 = 100_000;

impl Counted {
    /// Refuses what did not fit.
    pub(super) fn admit(&self) -> Answer<()> {
        match self.standing.wait {
            None => Ok(()),
            Some(wait) => Err(too_many(
                &format!(
                    "this key may ask for no more than {} a minute of this kind ({}); see [rate] in the settings",
                    self.rate.limit, self.name
                ),
                wait,
            )),
        }
    }

    /// Tells the caller how it stands.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let Self { name, rate, standing } = self;
        let policy = format!("\"{name}\";q={};w={}", rate.limit, rate.window.as_secs());
        let left = format!("\"{name}\";r={};t={}", standing.left, ceiled_s(standing.reset));
        for (header, value) in [(POLICY, policy), (LEFT, left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(header, value);
            }
        }
    }
}

fn too_many(message: &str, wait: Duration) -> Problem {
    let message = format!("{message}; the next one fits in {} s", ceiled_s(wait));
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message).retry_after(wait)
}

fn ceiled_s(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

/// Who asks from IPv6 has a network of 64 bits; from IPv4 an address.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        },
    }
}

/// What kind of request it is, for its limit: by its method and route, before anybody looks at what it asks for.
pub(super) fn action(method: &Method, route: &str) -> Action {
    const SENDS: &[&str] = &[
        "/api/send",
        "/api/forwardMessage",
        "/api/reaction",
        "/api/startTyping",
        "/api/stopTyping",
        "/api/messages/",
        "/api/queue/dead",
        "/api/{session}/chats/",
        "/api/{session}/files",
        "/api/{session}/presence",
    ];
    match *method {
        Method::GET | Method::HEAD => Action::Read,
        _ if SENDS.iter().any(|start| route.starts_with(start)) => Action::Send,
        _ => Action::Control,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sends_and_the_rest_are_told_apart() {
        for (method, route, expected) in [
            (Method::GET, "/api/sessions", Action::Read),
            (Method::POST, "/api/sendText", Action::Send),
            (Method::POST, "/api/send/buttons/reply", Action::Send),
            (Method::DELETE, "/api/messages/{id}", Action::Send),
            (Method::PUT, "/api/{session}/chats/{chatId}/messages/{id}", Action::Send),
            (Method::POST, "/api/sessions/{session}/start", Action::Control),
            (Method::DELETE, "/api/queue", Action::Control),
            (Method::POST, "/api/keys", Action::Control),
        ] {
            assert_eq!(action(&method, route), expected, "{method} {route}");
        }
    }

    #[test]
    fn neighbours_in_ipv6_are_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:9::9"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:10.0.0.1"), "10.0.0.1");
    }

    #[test]
    fn what_is_left_is_told_as_the_draft_writes_it() {
        let counted = Counted {
            name: "read",
            rate: Rate { limit: 100, window: MINUTE },
            standing: RateStanding { wait: None, left: 99, reset: Duration::from_millis(59_001) },
        };
        let mut headers = HeaderMap::new();
        counted.tell(&mut headers);
        assert_eq!(headers[POLICY], "\"read\";q=100;w=60");
        assert_eq!(headers[LEFT], "\"read\";r=99;t=60");
    }
}
