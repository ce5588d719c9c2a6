//! The settings themselves. Defaults live in config.default.toml alone.

use std::{fmt, path::PathBuf};

use serde::Deserialize;

use super::memory::Memory;
use super::monitoring::{Health, Telemetry};
use super::{Alerts, Http, Log, Rate, Smtp};

/// What stands for a secret wherever a section is shown.
pub(super) const MASK: &str = "***";

/// Writes a section for people and logs, with a secret's place taken by the mask.
pub(super) fn masked(secret: &str) -> &str {
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
    /// `[rate]`
    pub rate: Rate,
    /// `[browser]`
    pub browser: Browser,
    /// `[admission]`
    pub admission: Admission,
    /// `[memory]`
    pub memory: Memory,
    /// `[keepalive]`
    pub keepalive: Keepalive,
    /// `[quality]`
    pub quality: Quality,
    /// `[queue]`
    pub queue: Queue,
    /// `[limits]`
    pub limits: Limits,
    /// `[typing]`
    pub typing: Typing,
    /// `[inbound]`
    pub inbound: Inbound,
    /// `[network]`
    pub network: Network,
    /// `[events]`
    pub events: Events,
    /// `[webhooks]`
    pub webhooks: Webhooks,
    /// `[media]`
    pub media: Media,
    /// `[retention]`
    pub retention: Retention,
    /// `[redis]`
    pub redis: Redis,
    /// `[database]`
    pub database: Database,
    /// `[health]`
    pub health: Health,
    /// `[shutdown]`
    pub shutdown: Shutdown,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[log]`
    pub log: Log,
    /// `[alerts]`
    pub alerts: Alerts,
    /// `[smtp]`
    pub smtp: Smtp,
}

/// `[data]`: where drover keeps what must survive.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data folder; also `DROVER_DATA_DIR`.
    pub dir: PathBuf,
    /// How long a start waits for another drover to let go of it; 0 refuses at once.
    pub lock_wait_s: u64,
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
    /// The bridge's file, or the folder of its parts; also `DROVER_BRIDGE`. Empty: the built-in one.
    pub bridge: String,
    /// A file that is served as the page of web.whatsapp.com. Empty: the page is WhatsApp's own.
    pub web_version_html: String,
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

/// `[admission]`: which browser may start, and when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// How many browsers may start at a time; 0: by the number of cores.
    pub starts: u32,
    /// Milliseconds between two starts.
    pub spacing_ms: u64,
    /// How long a start that does not end counts as one, in seconds.
    pub hold_s: u64,
    /// What a browser needs while it loads, in MB.
    pub memory_per_start_mb: u64,
    /// What must stay free beside, in MB.
    pub memory_reserve_mb: u64,
    /// Processes and threads of a browser.
    pub tasks_per_start: u64,
}

/// `[keepalive]`: how a session is watched and brought back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keepalive {
    /// Seconds between two heartbeats, whose round trip is the session's latency.
    pub heartbeat_s: u64,
    /// Seconds after a page's last answer until the watchdog asks it for another.
    pub ping_s: u64,
    /// Seconds without an answer after which a loaded page counts as hung.
    pub watchdog_s: u64,
    /// The same for a page that loads or syncs.
    pub watchdog_loading_s: u64,
    /// Seconds that a lost socket may take to come back when the page does nothing about it.
    pub socket_grace_s: u64,
    /// Seconds that a page without a socket may go on trying by itself.
    pub socket_patience_s: u64,
    /// Seconds that a pending send may wait while nothing at all is acknowledged.
    pub acks_s: u64,
    /// Seconds between two small input events, give or take a quarter.
    pub activity_s: u64,
    /// When the account is shown as online.
    pub presence: PresenceMode,
    /// Seconds that it stays online after the last send.
    pub presence_linger_s: u64,
    /// Seconds until a page with a kept login must be ready.
    pub ready_timeout_s: u64,
    /// Seconds that a page may take to log out.
    pub logout_timeout_s: u64,
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
    /// Crashes within an hour above which a session is quarantined; 0 never does.
    pub quarantine_crashes: u32,
    /// Seconds before each restart of a quarantined session.
    pub quarantine_pause_s: u64,
    /// How many screenshots of failures are kept of a session.
    pub screenshots: u32,
}

/// When the account is shown as online. While a companion is online, the phone does not notify its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceMode {
    /// From a send until a moment after it.
    AroundSends,
    /// Never.
    Never,
    /// As long as the session is ready.
    Always,
}

/// `[quality]`: from when on a session that still sends is shown as degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// The latency (p95 over the last heartbeats) in milliseconds.
    pub latency_ms: u64,
    /// Lost sockets within an hour.
    pub drops_per_hour: u32,
    /// Seconds that the page owes an answer.
    pub unanswered_s: u64,
    /// Seconds that a pending send waits while nothing is acknowledged.
    pub acks_s: u64,
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

/// `[typing]`: what the other side sees before a text.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typing {
    /// Whether sessions that do not say so themselves show it.
    pub enabled: bool,
    /// For how long, by the text's length.
    pub ms_per_character: u64,
    /// For how long at most.
    pub longest_ms: u64,
}

/// `[inbound]`: what comes in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// Within how many seconds the same words in the same chat, under another id, count as the same message; 0 never.
    pub duplicate_window_s: u32,
    /// How many messages a minute of one person are told; 0: all.
    pub per_sender_per_minute: u32,
    /// What somebody is answered who writes more, once a minute; empty: nothing.
    pub limit_reply: String,
    /// Whether sessions that do not say so themselves download files.
    pub download_media: bool,
}

/// `[limits]`: how fast a session may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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
    /// Messages that a young account may send on its first day, and as many more on each further one; 0 does not warm up.
    pub daily_young: u32,
    /// For how many days after it was first linked an account is young.
    pub young_days: u32,
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

/// `[events]`: where events go without being asked for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// About how many events the Redis stream `drover:events` keeps; 0: there is none.
    pub stream_length: u32,
}

/// `[webhooks]`: how events leave, and the webhook of all sessions.
#[derive(Clone, Deserialize)]
pub struct Webhooks {
    /// Where the events of all sessions go; also `WHATSAPP_HOOK_URL`. Empty: nowhere.
    pub url: String,
    /// Which ones, by name, or `*`; also `WHATSAPP_HOOK_EVENTS`.
    pub events: Vec<String>,
    /// What they are signed with; also `WHATSAPP_HOOK_HMAC_KEY`. Empty: they are not.
    pub hmac_key: String,
    /// Headers of their own, `name:value;name:value`; also `WHATSAPP_HOOK_CUSTOM_HEADERS`.
    pub custom_headers: String,
    /// `constant`, `linear` or `exponential`, where a webhook does not say; also `WHATSAPP_HOOK_RETRIES_POLICY`.
    pub retry_policy: String,
    /// The first pause between two tries, in seconds; also `WHATSAPP_HOOK_RETRIES_DELAY_SECONDS`.
    pub retry_delay_s: u32,
    /// How often a delivery is tried; also `WHATSAPP_HOOK_RETRIES_ATTEMPTS`.
    pub attempts: u32,
    /// How a receiver is treated.
    #[serde(flatten)]
    pub receiver: WebhookReceiver,
}

/// The part of `[webhooks]` that says how a receiver is treated.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct WebhookReceiver {
    /// How long an answer may take, in seconds.
    pub timeout_s: u64,
    /// How much of an answer is read, in bytes.
    pub answer_limit_bytes: usize,
    /// Deliveries under way to one host at a time.
    pub per_host: usize,
    /// Failures in a row that open a URL's circuit.
    pub circuit_failures: u32,
    /// How long an open circuit stays so, in seconds.
    pub circuit_open_s: u32,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhooks")
            .field("url", &masked(&self.url))
            .field("events", &self.events)
            .field("hmac_key", &masked(&self.hmac_key))
            .field("custom_headers", &masked(&self.custom_headers))
            .field("retry_policy", &self.retry_policy)
            .field("retry_delay_s", &self.retry_delay_s)
            .field("attempts", &self.attempts)
            .field("receiver", &self.receiver)
            .finish()
    }
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
    /// How long messages in and out and dead letters are kept, in days.
    pub messages_days: u32,
    /// How long the event log reaches back, in days.
    pub events_days: u32,
    /// How long the audit log reaches back, in days.
    pub audit_days: u32,
}

/// `[redis]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Also `REDIS_URL`. Empty: drover starts a private redis-server.
    pub url: String,
    /// The private server's executable.
    pub server: String,
    /// A certificate authority's file (PEM) for `rediss://`. Empty: those that the system trusts.
    pub ca_file: String,
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Redis")
            .field("url", &masked(&self.url))
            .field("server", &self.server)
            .field("ca_file", &self.ca_file)
            .finish()
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
