//! What `network.allow_hosts` names: a host, `*.domain`, an address, or a network such as 10.0.0.0/8.

use std::net::IpAddr;

use ipnet::IpNet;

/// One entry. Names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    /// This host.
    Host(String),
    /// Every host below this domain, with its leading dot.
    Below(String),
    /// Every address in this network, whatever names it.
    Network(IpNet),
}

impl Allowed {
    pub(super) fn of(entry: &str) -> Self {
        let entry = entry.trim().trim_end_matches('.').to_ascii_lowercase();
        let address = entry.trim_matches(['[', ']']).parse::<IpAddr>().map(IpNet::from);
        match address.or_else(|_| entry.parse::<IpNet>()) {
            Ok(network) => Self::Network(network),
            Err(_) => match entry.strip_prefix('*') {
                Some(domain) => Self::Below(domain.to_owned()),
                None => Self::Host(entry),
            },
        }
    }

    /// Whether it lets `host` lead to `address`.
    pub(super) fn covers(&self, host: &str, address: IpAddr) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match self {
            Self::Host(name) => host == *name,
            Self::Below(domain) => host.len() > domain.len() && host.ends_with(domain.as_str()),
            Self::Network(network) => network.contains(&address.to_canonical()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(entry: &str, host: &str, address: &str) -> bool {
        Allowed::of(entry).covers(host, address.parse().expect("an address"))
    }

    #[test]
    fn a_host_a_domain_an_address_or_a_network_is_covered() {
        assert!(covers("n8n", "N8N", "10.0.0.1"));
        assert!(covers("*.railway.internal", "bot.railway.internal.", "fd12::1"));
        assert!(covers("10.0.0.0/8", "anything", "10.9.8.7"));
        assert!(covers("10.0.0.0/8", "anything", "::ffff:10.9.8.7"));
        assert!(covers("127.0.0.1", "localhost", "127.0.0.1"));
        assert!(covers("[::1]", "::1", "::1"));
    }

    #[test]
    fn nothing_else_is() {
        assert!(!covers("n8n", "n8n.example.org", "10.0.0.1"));
        assert!(!covers("*.internal", "internal", "10.0.0.1"));
        assert!(!covers("*.internal", "notinternal", "10.0.0.1"));
        assert!(!covers("10.0.0.0/8", "n8n", "192.168.0.1"));
        assert!(!covers("127.0.0.1", "localhost", "127.0.0.2"));
    }
}
