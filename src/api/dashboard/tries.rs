//! How often somebody may try to sign in with a wrong key: three times in a quarter of an hour from one address.
//!
//! Held in memory, bounded. A try counts from when it begins, so that many at once are no more than a few, and is given back when the
//! key was right: whoever shares an address with others does not lock them out by signing in.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderName},
};
use moka::future::Cache;

/// How many wrong keys there may be.
const MOST: usize = 3;
/// Within how long.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// How many addresses are remembered; the one that was not seen for longest makes room.
const ADDRESSES: u64 = 10_000;

/// When the tries of an address began, in Unix milliseconds, the earliest first.
type Began = Arc<Mutex<Vec<i64>>>;

/// The tries of all addresses.
pub(super) struct Tries {
    begun: Cache<IpAddr, Began>,
}

impl Tries {
    pub(super) fn new() -> Self {
        Self { begun: Cache::builder().max_capacity(ADDRESSES).time_to_idle(WINDOW).build() }
    }

    /// Begins a try.
    ///
    /// # Errors
    /// When there were too many: after how long there may be another.
    pub(super) async fn begin(&self, address: IpAddr, now_ms: i64) -> Result<(), Duration> {
        let begun = self.begun.get_with(address, async { Began::default() }).await;
        let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
        let window_ms = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
        begun.retain(|at_ms| now_ms - at_ms < window_ms);
        match begun.first() {
            Some(first_ms) if begun.len() >= MOST => {
                let left_ms = u64::try_from(first_ms + window_ms - now_ms).unwrap_or(0);
                Err(Duration::from_millis(left_ms))
            }
            _ => {
                begun.push(now_ms);
                Ok(())
            }
        }
    }

    /// Gives a try back: its key was right.
    pub(super) async fn forgive(&self, address: IpAddr) {
        if let Some(begun) = self.begun.get(&address).await {
            begun.lock().unwrap_or_else(PoisonError::into_inner).pop();
        }
    }
}

/// Whom a request comes from, as far as tries are counted: of a proxy beside us (on a private address) the one that it names last,
/// which a client cannot choose; of IPv6 the network, since one has a whole one.
pub(super) fn address_of(extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
    const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical());
    let peer = peer.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let named = headers.get_all(FORWARDED).iter().next_back().and_then(|value| value.to_str().ok());
    let named = named.and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    match named.filter(|_| is_beside_us(peer)).unwrap_or(peer).to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

fn is_beside_us(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn three_wrong_keys_are_enough_for_a_quarter_of_an_hour() {
        let (tries, one, other) = (Tries::new(), ip("192.0.2.1"), ip("192.0.2.2"));
        for at_ms in [0, 1_000, 2_000] {
            assert_eq!(tries.begin(one, at_ms).await, Ok(()));
        }
        assert_eq!(tries.begin(one, 60_000).await, Err(Duration::from_secs(14 * 60)));
        assert_eq!(tries.begin(other, 60_000).await, Ok(()), "another address is none of it");
        assert_eq!(tries.begin(one, 900_000).await, Ok(()), "the first one is forgotten");
        assert!(tries.begin(one, 900_001).await.is_err());
        tries.forgive(one).await;
        assert_eq!(tries.begin(one, 900_002).await, Ok(()), "the last one was right");
    }

    fn from(peer: &str, forwarded: Option<&str>) -> IpAddr {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(ip(peer), 1)));
        let name = HeaderName::from_static("x-forwarded-for");
        let headers = forwarded.map(|list| (name, list.parse().expect("a header"))).into_iter().collect();
        address_of(&extensions, &headers)
    }

    #[test]
    fn only_a_proxy_beside_us_may_name_somebody_else() {
        assert_eq!(from("203.0.113.9", Some("192.0.2.1")), ip("203.0.113.9"));
        assert_eq!(
            from("127.0.0.1", Some("198.51.100.7, 192.0.2.1")),
            ip("192.0.2.1"),
            "what a client wrote is passed over"
        );
        assert_eq!(from("10.0.0.1", None), ip("10.0.0.1"));
        assert_eq!(from("::ffff:127.0.0.1", Some("192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(from("2001:db8:1:2:3:4:5:6", None), ip("2001:db8:1:2::"));
        assert_eq!(from("127.0.0.1", Some("nonsense")), ip("127.0.0.1"));
    }
}
