//! Whose address counts: that of the connection, or what trusted proxies in front say it was.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;

use super::state::Facts;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who asks, by its address; put into each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// Notes whose address counts, for limits and the audit log.
pub(super) async fn note(State(facts): State<Arc<Facts>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let address = client(peer.ip(), request.headers(), &facts.trusted_proxies);
        request.extensions_mut().insert(ClientAddress(address));
    }
    next.run(request).await
}

/// The networks whose word is taken.
pub(super) fn networks(texts: &[String]) -> Vec<IpNet> {
    let network = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
    texts.iter().filter_map(network).collect()
}

/// The client's address. Each proxy adds on the right whom it heard; from there on it is believed as far as those who say it
/// are trusted, so that nobody invents an address by sending the header along.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let values = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&plain(address)));
    let mut client = plain(peer);
    for name in named.iter().rev() {
        if !is_trusted(client) {
            break;
        }
        let Some(address) = read(name) else { break };
        client = plain(address);
    }
    client
}

/// An IPv4 address that came over an IPv6 socket is one all the same.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// An address, with or without a port.
fn read(name: &str) -> Option<IpAddr> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| name.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        if !forwarded.is_empty() {
            headers.insert(FORWARDED_FOR, forwarded.parse().expect("a header"));
        }
        let trusted: Vec<String> = trusted.iter().map(|text| (*text).to_owned()).collect();
        client(peer.parse().expect("an address"), &headers, &networks(&trusted)).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(of("10.0.0.1", "1.2.3.4", &[]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", "1.2.3.4", &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(of("::ffff:10.0.0.1", "1.2.3.4", &["10.0.0.1"]), "1.2.3.4");
        assert_eq!(of("9.9.9.9", "1.2.3.4", &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(
            of("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", &["10.0.0.0/8"]),
            "1.2.3.4",
            "what a client invents is not"
        );
        assert_eq!(of("10.0.0.1", "1.2.3.4:567", &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(of("10.0.0.1", "[2001:db8::1]:567", &["10.0.0.0/8"]), "2001:db8::1");
        assert_eq!(of("10.0.0.1", "unknown", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", "", &["10.0.0.0/8"]), "10.0.0.1");
    }
}
