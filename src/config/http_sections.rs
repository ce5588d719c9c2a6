//! The settings of the control API: where it listens, what a request may take, and how often may be asked.

use std::{fmt, net::IpAddr};

use serde::Deserialize;

use super::sections::masked;

/// `[http]`: the control API.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port; also `PORT`. 0 takes a free one.
    pub port: u16,
    /// A fixed admin key; also `DROVER_API_KEY`. Empty: one is made in `admin.key`.
    pub api_key: String,
    /// The longest body of a request, in bytes.
    pub body_limit_bytes: usize,
    /// How long a request may take, in seconds.
    pub request_timeout_s: u64,
    /// How long a send with `?wait=` may be held at most, in seconds.
    pub wait_timeout_s: u64,
    /// The address by which people reach it; empty when nobody said.
    pub public_url: String,
    /// How long the head of a request may take, and how long a connection may idle, in seconds.
    pub header_timeout_s: u64,
    /// How long nothing may come of a body, in seconds.
    pub body_stall_s: u64,
    /// Seconds between two signs of life on a stream of events.
    pub stream_ping_s: u64,
    /// How many connections may be open at a time.
    pub max_connections: usize,
    /// Addresses and networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Origins whose pages may ask; `*` for all. Empty: none.
    pub cors_origins: Vec<String>,
}

impl fmt::Debug for Http {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Http")
            .field("bind", &self.bind)
            .field("port", &self.port)
            .field("api_key", &masked(&self.api_key))
            .field("body_limit_bytes", &self.body_limit_bytes)
            .field("request_timeout_s", &self.request_timeout_s)
            .field("wait_timeout_s", &self.wait_timeout_s)
            .field("public_url", &self.public_url)
            .field("header_timeout_s", &self.header_timeout_s)
            .field("body_stall_s", &self.body_stall_s)
            .field("stream_ping_s", &self.stream_ping_s)
            .field("max_connections", &self.max_connections)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("cors_origins", &self.cors_origins)
            .finish()
    }
}

/// `[rate]`: how many requests are answered; 0 sets no limit.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Reads a minute of a key, for each session that it sees.
    pub read_per_minute: u32,
    /// Sends a minute of a key, for each session that it sees.
    pub send_per_minute: u32,
    /// Everything else a minute of a key, for each session that it sees.
    pub control_per_minute: u32,
    /// Requests a minute of an admin key.
    pub admin_per_minute: u32,
    /// Wrong keys a minute from an address.
    pub wrong_keys_per_minute: u32,
}
