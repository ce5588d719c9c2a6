//! The settings themselves. Defaults live in config.default.toml alone.

use std::{fmt, net::IpAddr, path::PathBuf};

use serde::Deserialize;

/// What stands for a secret wherever a section is shown.
pub(super) const MASK: &str = "***";

/// Writes a section for people and logs, with a secret's place taken by the mask.
fn masked(secret: &str) -> &str {
    if secret.is_empty() { "" } else { MASK }
}

/// All of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[data]`
    pub data: Data,
    /// `[http]`
    pub http: Http,
    /// `[browser]`
    pub browser: Browser,
    /// `[keepalive]`
    pub keepalive: Keepalive,
    /// `[queue]`
    pub queue: Queue,
    /// `[limits]`
    pub limits: Limits,
    /// `[network]`
    pub network: Network,
    /// `[media]`
    pub media: Media,
    /// `[retention]`
    pub retention: Retention,
    /// `[redis]`
    pub redis: Redis,
    /// `[database]`
    pub database: Database,
    /// `[shutdown]`
    pub shutdown: Shutdown,
    /// `[log]`
    pub log: Log,
}

/// `[data]`: where drover keeps what must survive.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data folder; also `DROVER_DATA_DIR`.
    pub dir: PathBuf,
}

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
            .finish()
    }
}

/// `[browser]`: which Chromium, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Browser {
    /// `headless-shell` or `chromium`: which one is looked for first.
    pub prefer: String,
    /// The executable, or a pattern; also `DROVER_CHROMIUM`. Empty: it is looked for.
    pub executable: String,
    /// More arguments for Chromium, from the allow-list.
    pub args: Vec<String>,
    /// The bridge's file; also `DROVER_BRIDGE`. Empty: the built-in one.
    pub bridge: String,
    /// `host:port` of a simulator that stands in for web.whatsapp.com; also `DROVER_SIMULATOR`. Empty: the real one.
    pub simulator: String,
    /// How long a browser may take until it answers, in seconds.
    pub launch_timeout_s: u64,
    /// How long the page may take until WhatsApp Web is loaded, in seconds.
    pub load_timeout_s: u64,
    /// How long a call to the page may take, in seconds.
    pub call_timeout_s: u64,
    /// How long a normal close may take before the tree is killed, in seconds.
    pub close_grace_s: u64,
}

/// `[keepalive]`: how a session is watched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keepalive {
    /// Seconds between two heartbeats.
    pub heartbeat_s: u64,
    /// Seconds without a sign of life after which the browser is restarted.
    pub watchdog_s: u64,
    /// Seconds that a lost socket may take to come back before the page is restarted.
    pub socket_grace_s: u64,
    /// Seconds until a linked page must be ready.
    pub ready_timeout_s: u64,
    /// Seconds after which a QR that nobody scanned stops the session.
    pub qr_timeout_s: u64,
    /// Restarts in a row before a session counts as failed.
    pub attempts: u32,
    /// The first pause before a restart, in seconds; doubled each time.
    pub backoff_s: u64,
    /// The longest pause before a restart, in seconds.
    pub backoff_max_s: u64,
    /// Seconds between the tries of a failed session.
    pub slow_retry_s: u64,
}

/// `[queue]`: sending.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// How long a claim holds, in seconds; longer than a send may take.
    pub lease_s: u64,
    /// How long a send may take until it counts as unknown, in seconds.
    pub send_timeout_s: u64,
    /// How often a message is tried.
    pub attempts: u32,
    /// The first pause between two tries, in seconds; doubled each time, with jitter.
    pub backoff_s: u64,
    /// What to do with a message of unknown fate at ack 0.
    pub unknown: Unknown,
    /// Failures in a row that open a session's circuit.
    pub circuit_failures: u32,
    /// How long an open circuit stays so, in seconds.
    pub circuit_open_s: u64,
    /// Seconds between two reconciliations of database and Redis.
    pub reconcile_s: u64,
}

/// What to do with a message whose fate stays unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Send it again under the same full key, by which WhatsApp knows it.
    Resend,
    /// Put it to the dead letters as `unconfirmed`.
    Hold,
}

/// `[limits]`: how fast a session may send.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Messages a minute.
    pub per_minute: u32,
    /// How many of them may go at once.
    pub burst: u32,
    /// Messages an hour.
    pub per_hour: u32,
    /// The least pause between two messages, in milliseconds.
    pub gap_ms: u64,
    /// Up to this much is added to the pause at random, in milliseconds.
    pub gap_jitter_ms: u64,
    /// Messages a minute to one recipient.
    pub per_recipient_per_minute: u32,
    /// Messages a minute that one API key may hand in.
    pub per_key_per_minute: u32,
    /// The same text to the same chat within this many seconds is refused; 0 allows it.
    pub duplicate_window_s: u64,
}

/// `[network]`: where media and webhooks may lead.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Whether addresses that are not on the public internet are gone to.
    pub allow_private: bool,
    /// Those that are gone to all the same: hosts, `*.domain`, addresses, networks.
    pub allow_hosts: Vec<String>,
}

/// `[media]`: files that are sent and received.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// The largest picture, in bytes.
    pub image_max_bytes: u64,
    /// The largest video, in bytes.
    pub video_max_bytes: u64,
    /// The largest recording or voice message, in bytes.
    pub audio_max_bytes: u64,
    /// The largest sticker, in bytes.
    pub sticker_max_bytes: u64,
    /// The largest file of any other kind, in bytes.
    pub document_max_bytes: u64,
    /// How long a download may take in all, in seconds.
    pub fetch_timeout_s: u64,
    /// How long nothing may arrive, in seconds.
    pub stall_timeout_s: u64,
    /// How often a download that failed is tried again.
    pub retries: u32,
    /// The first pause between two tries, in milliseconds; doubled each time, with jitter.
    pub backoff_ms: u64,
    /// How many redirects are followed.
    pub max_redirects: u32,
    /// Failed downloads in a row that open a host's circuit.
    pub circuit_failures: u32,
    /// How long an open circuit stays so, in seconds.
    pub circuit_open_s: u64,
}

/// `[retention]`: what is removed by itself; 0 keeps it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// How long files are kept, in days.
    pub media_days: u64,
    /// How many bytes of files are kept.
    pub media_bytes: u64,
}

/// `[redis]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Also `REDIS_URL`. Empty: drover starts a private redis-server.
    pub url: String,
    /// The private server's executable.
    pub server: String,
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redis").field("url", &masked(&self.url)).field("server", &self.server).finish()
    }
}

/// `[database]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Also `DATABASE_URL`. Empty: SQLite in the data folder.
    pub url: String,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Database").field("url", &masked(&self.url)).finish()
    }
}

/// `[shutdown]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long sends in flight and closing browsers may take, in seconds; the platform's own grace must be longer.
    pub grace_s: u64,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A filter such as `info` or `drover=debug`; also `LOG_LEVEL`.
    pub level: String,
    /// The shape of the lines.
    pub format: LogFormat,
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For people.
    Pretty,
    /// For programs: one object a line.
    Json,
}
