//! Judges what a URL leads to: an address in the URL itself, and every address that a name resolves to.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use super::{Refused, address::is_public, allowed::Allowed};
use crate::config;

/// The judge. It is reqwest's resolver as well, so that what was judged is what is connected to.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    allow_private: bool,
    allowed: Arc<[Allowed]>,
}

impl Guard {
    pub(super) fn new(settings: &config::Network) -> Self {
        Self {
            allow_private: settings.allow_private,
            allowed: settings.allow_hosts.iter().map(|entry| Allowed::of(entry)).collect(),
        }
    }

    /// What can be told from the URL alone. An address in it never passes the resolver, so it is judged here.
    pub(super) fn check(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme(url.scheme().to_owned()));
        }
        let host = url.host_str().ok_or(Refused::NoHost)?;
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => self.check_address(host, address),
            Err(_) => Ok(()),
        }
    }

    fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        if self.allow_private || is_public(address) || self.allowed.iter().any(|entry| entry.covers(host, address)) {
            return Ok(());
        }
        Err(Refused::Private { host: host.to_owned(), address })
    }

    /// The addresses of a name that may be gone to; an error if there are some, and none of them may.
    fn judged(&self, host: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let mut kept = Vec::new();
        let mut refused = None;
        for address in found {
            match self.check_address(host, address.ip()) {
                Ok(()) => kept.push(address),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match refused {
            Some(refusal) if kept.is_empty() => Err(refusal),
            _ => Ok(kept),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept = guard.judged(name.as_str(), found)?;
            if kept.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow_private: bool) -> Guard {
        Guard::new(&config::Network { allow_private, allow_hosts: vec!["10.1.0.0/16".to_owned()] })
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 0)).collect()
    }

    #[test]
    fn of_a_name_with_both_only_what_is_outside_is_kept() {
        let found = addresses(&["10.0.0.1", "1.1.1.1", "10.1.0.1"]);
        assert_eq!(guard(false).judged("h", found.into_iter()), Ok(addresses(&["1.1.1.1", "10.1.0.1"])));
        let inside = addresses(&["10.0.0.1", "::1"]);
        assert!(guard(false).judged("h", inside.clone().into_iter()).is_err());
        assert_eq!(guard(true).judged("h", inside.clone().into_iter()), Ok(inside));
    }
}
