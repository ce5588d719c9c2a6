//! What each setting may be, and which variables set it. A setting that has no rule here does not exist.

use std::{net::IpAddr, path::Path};

use ipnet::IpNet;
use toml::Value;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::{Budget, Config, Limits, Size};

/// One setting.
pub(super) struct Rule {
    /// `section.key`
    pub(super) name: &'static str,
    /// What it may be.
    pub(super) allowed: Allowed,
    /// Further variables that set it, the first one wins; `DROVER_SECTION__KEY` wins over them.
    pub(super) variables: &'static [&'static str],
    /// Whether its value is never shown.
    pub(super) is_secret: bool,
}

/// What a setting may be.
pub(super) enum Allowed {
    /// A whole number, both ends included.
    Number(i64, i64),
    /// One of these.
    Word(&'static [&'static str]),
    /// An address of IP.
    Address,
    /// `host:port`, or nothing.
    HostPort,
    /// An address that starts with one of these, or nothing.
    Url(&'static [&'static str]),
    /// Some text.
    Text,
    /// A file that is there, or nothing.
    File,
    /// A file or a folder that is there, or nothing.
    Path,
    /// Any text, or none.
    AnyText,
    /// Visible characters of ASCII, or nothing.
    Key,
    /// true or false.
    Flag,
    /// A list of texts.
    List,
    /// A list of hosts, `*.domain`, addresses and networks.
    Hosts,
    /// An amount of memory.
    Size,
    /// An amount of memory, or a share of what there is.
    Budget,
    /// A list of addresses and networks.
    Networks,
    /// A list of origins as browsers send them, or `*`.
    Origins,
    /// A filter of log lines.
    Filter,
    /// An address of mail, with or without a name, or nothing.
    Mailbox,
    /// A list of addresses of mail.
    Mailboxes,
}

const REDIS_SCHEMES: &[&str] =
    &["redis://", "rediss://", "unix://", "redis+unix://", "redis+cluster://", "rediss+cluster://"];

const SECONDS: Allowed = Allowed::Number(1, 86_400);
/// Each request of the last minute is remembered.
const REQUESTS: Allowed = Allowed::Number(0, 100_000);
/// WhatsApp takes 2 GB of a document and no more.
const MEDIA_BYTES: Allowed = Allowed::Number(1024, 2 << 30);

const fn rule(name: &'static str, allowed: Allowed) -> Rule {
    Rule { name, allowed, variables: &[], is_secret: false }
}

impl Rule {
    const fn also(self, variables: &'static [&'static str]) -> Self {
        Self { variables, ..self }
    }

    const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// The variable that is made of the name.
    pub(super) fn variable(&self) -> String {
        format!("DROVER_{}", self.name.to_ascii_uppercase().replacen('.', "__", 1))
    }
}

/// All settings, in the order of config.default.toml.
pub(super) const RULES: &[Rule] = &[
    rule("data.dir", Allowed::Text).also(&["DROVER_DATA_DIR", "RAILWAY_VOLUME_MOUNT_PATH"]),
    rule("data.lock_wait_s", Allowed::Number(0, 86_400)),
    rule("http.bind", Allowed::Address),
    rule("http.port", Allowed::Number(0, 65_535)).also(&["PORT"]),
    rule("http.api_key", Allowed::Key).also(&["DROVER_API_KEY"]).secret(),
    rule("http.body_limit_bytes", Allowed::Number(1024, 1 << 30)),
    rule("http.request_timeout_s", SECONDS),
    rule("http.wait_timeout_s", SECONDS),
    rule("http.public_url", Allowed::Url(&["http://", "https://"])),
    rule("http.header_timeout_s", Allowed::Number(1, 600)),
    rule("http.body_stall_s", Allowed::Number(1, 600)),
    rule("http.stream_ping_s", Allowed::Number(1, 600)),
    rule("http.max_connections", Allowed::Number(10, 1_000_000)),
    rule("http.trusted_proxies", Allowed::Networks),
    rule("http.cors_origins", Allowed::Origins),
    rule("rate.read_per_minute", REQUESTS),
    rule("rate.send_per_minute", REQUESTS),
    rule("rate.control_per_minute", REQUESTS),
    rule("rate.admin_per_minute", REQUESTS),
    rule("rate.wrong_keys_per_minute", REQUESTS),
    rule("browser.prefer", Allowed::Word(&["headless-shell", "chromium"])),
    rule("browser.executable", Allowed::AnyText).also(&["DROVER_CHROMIUM"]),
    rule("browser.args", Allowed::List),
    rule("browser.bridge", Allowed::Path).also(&["DROVER_BRIDGE"]),
    rule("browser.web_version_html", Allowed::File),
    rule("browser.simulator", Allowed::HostPort).also(&["DROVER_SIMULATOR"]),
    rule("browser.launch_timeout_s", SECONDS),
    rule("browser.load_timeout_s", SECONDS),
    rule("browser.call_timeout_s", SECONDS),
    rule("browser.close_grace_s", SECONDS),
    rule("admission.starts", Allowed::Number(0, 1_000)),
    rule("admission.spacing_ms", Allowed::Number(0, 60_000)),
    rule("admission.hold_s", SECONDS),
    rule("admission.memory_per_start_mb", Allowed::Number(0, 65_536)),
    rule("admission.memory_reserve_mb", Allowed::Number(0, 1_048_576)),
    rule("admission.tasks_per_start", Allowed::Number(0, 10_000)),
    rule("memory.budget", Allowed::Budget),
    rule("memory.warning", Allowed::Number(1, 100)),
    rule("memory.critical", Allowed::Number(1, 100)),
    rule("memory.session_max", Allowed::Size),
    rule("memory.idle_min_s", Allowed::Number(0, 86_400)),
    rule("memory.wake_every_s", Allowed::Number(0, 2_592_000)),
    rule("memory.idle_hibernate_after_s", Allowed::Number(0, 2_592_000)),
    rule("memory.yield_after_s", Allowed::Number(0, 86_400)),
    rule("memory.turn_s", SECONDS),
    rule("memory.sample_s", Allowed::Number(1, 3600)),
    rule("memory.hibernated_is_working", Allowed::Flag),
    rule("keepalive.heartbeat_s", SECONDS),
    rule("keepalive.ping_s", SECONDS),
    rule("keepalive.watchdog_s", SECONDS),
    rule("keepalive.watchdog_loading_s", SECONDS),
    rule("keepalive.socket_grace_s", SECONDS),
    rule("keepalive.socket_patience_s", SECONDS),
    rule("keepalive.acks_s", SECONDS),
    rule("keepalive.activity_s", SECONDS),
    rule("keepalive.presence", Allowed::Word(&["around_sends", "never", "always"])),
    rule("keepalive.presence_linger_s", SECONDS),
    rule("keepalive.ready_timeout_s", SECONDS),
    rule("keepalive.logout_timeout_s", SECONDS),
    rule("keepalive.qr_timeout_s", SECONDS),
    rule("keepalive.attempts", Allowed::Number(1, 1000)),
    rule("keepalive.backoff_s", SECONDS),
    rule("keepalive.backoff_max_s", SECONDS),
    rule("keepalive.slow_retry_s", SECONDS),
    rule("keepalive.quarantine_crashes", Allowed::Number(0, 1000)),
    rule("keepalive.quarantine_pause_s", SECONDS),
    rule("keepalive.screenshots", Allowed::Number(1, 100)),
    rule("quality.latency_ms", Allowed::Number(1, 60_000)),
    rule("quality.drops_per_hour", Allowed::Number(1, 3600)),
    rule("quality.unanswered_s", SECONDS),
    rule("quality.acks_s", SECONDS),
    rule("queue.lease_s", SECONDS),
    rule("queue.send_timeout_s", SECONDS),
    rule("queue.attempts", Allowed::Number(1, 100)),
    rule("queue.backoff_s", SECONDS),
    rule("queue.unknown", Allowed::Word(&["resend", "hold"])),
    rule("queue.circuit_failures", Allowed::Number(1, 1000)),
    rule("queue.circuit_open_s", SECONDS),
    rule("queue.reconcile_s", SECONDS),
    rule("limits.per_minute", Allowed::Number(1, 60_000)),
    rule("limits.burst", Allowed::Number(1, 60_000)),
    rule("limits.per_hour", Allowed::Number(1, 3_600_000)),
    rule("limits.gap_ms", Allowed::Number(0, 3_600_000)),
    rule("limits.gap_jitter_ms", Allowed::Number(0, 3_600_000)),
    rule("limits.per_recipient_per_minute", Allowed::Number(1, 60_000)),
    rule("limits.per_key_per_minute", Allowed::Number(1, 6_000_000)),
    rule("limits.daily_young", Allowed::Number(0, 1_000_000)),
    rule("limits.young_days", Allowed::Number(0, 365)),
    rule("limits.duplicate_window_s", Allowed::Number(0, 86_400)),
    rule("typing.enabled", Allowed::Flag),
    rule("typing.ms_per_character", Allowed::Number(1, 1000)),
    rule("typing.longest_ms", Allowed::Number(1, 20_000)),
    rule("inbound.duplicate_window_s", Allowed::Number(0, 3600)),
    rule("inbound.per_sender_per_minute", Allowed::Number(0, 60_000)),
    rule("inbound.limit_reply", Allowed::AnyText),
    rule("inbound.download_media", Allowed::Flag),
    rule("network.allow_private", Allowed::Flag),
    rule("network.allow_hosts", Allowed::Hosts),
    rule("events.stream_length", Allowed::Number(0, 10_000_000)),
    rule("webhooks.url", Allowed::Url(&["http://", "https://"])).also(&["WHATSAPP_HOOK_URL"]).secret(),
    rule("webhooks.events", Allowed::List).also(&["WHATSAPP_HOOK_EVENTS"]),
    rule("webhooks.hmac_key", Allowed::Key).also(&["WHATSAPP_HOOK_HMAC_KEY"]).secret(),
    rule("webhooks.custom_headers", Allowed::AnyText).also(&["WHATSAPP_HOOK_CUSTOM_HEADERS"]).secret(),
    rule("webhooks.retry_policy", Allowed::Word(&["constant", "linear", "exponential"]))
        .also(&["WHATSAPP_HOOK_RETRIES_POLICY"]),
    rule("webhooks.retry_delay_s", Allowed::Number(0, 86_400)).also(&["WHATSAPP_HOOK_RETRIES_DELAY_SECONDS"]),
    rule("webhooks.attempts", Allowed::Number(1, 1000)).also(&["WHATSAPP_HOOK_RETRIES_ATTEMPTS"]),
    rule("webhooks.timeout_s", Allowed::Number(1, 600)),
    rule("webhooks.answer_limit_bytes", Allowed::Number(1024, 1 << 24)),
    rule("webhooks.per_host", Allowed::Number(1, 1000)),
    rule("webhooks.circuit_failures", Allowed::Number(1, 1000)),
    rule("webhooks.circuit_open_s", SECONDS),
    rule("media.image_max_bytes", MEDIA_BYTES),
    rule("media.video_max_bytes", MEDIA_BYTES),
    rule("media.audio_max_bytes", MEDIA_BYTES),
    rule("media.sticker_max_bytes", MEDIA_BYTES),
    rule("media.document_max_bytes", MEDIA_BYTES),
    rule("media.fetch_timeout_s", Allowed::Number(1, 3600)),
    rule("media.stall_timeout_s", Allowed::Number(1, 3600)),
    rule("media.retries", Allowed::Number(0, 20)),
    rule("media.backoff_ms", Allowed::Number(1, 60_000)),
    rule("media.max_redirects", Allowed::Number(0, 50)),
    rule("media.circuit_failures", Allowed::Number(1, 1000)),
    rule("media.circuit_open_s", SECONDS),
    rule("retention.media_days", Allowed::Number(0, 36_500)),
    rule("retention.media_bytes", Allowed::Number(0, 1 << 50)),
    rule("retention.messages_days", Allowed::Number(0, 36_500)),
    rule("retention.events_days", Allowed::Number(0, 36_500)),
    rule("retention.audit_days", Allowed::Number(0, 36_500)),
    rule("redis.url", Allowed::Url(REDIS_SCHEMES)).also(&["REDIS_URL"]).secret(),
    rule("redis.server", Allowed::Text),
    rule("redis.ca_file", Allowed::Path),
    rule("database.url", Allowed::Url(&["postgres://", "postgresql://", "sqlite:"])).also(&["DATABASE_URL"]).secret(),
    rule("health.disk_free_mb", Allowed::Number(16, 1 << 30)),
    rule("health.queue_wait_s", Allowed::Number(1, 31_536_000)),
    rule("shutdown.grace_s", Allowed::Number(1, 600)),
    rule("telemetry.otlp_endpoint", Allowed::Url(&["http://", "https://"])).also(&["OTEL_EXPORTER_OTLP_ENDPOINT"]),
    rule("log.level", Allowed::Filter).also(&["LOG_LEVEL"]),
    rule("log.format", Allowed::Word(&["auto", "pretty", "json"])),
    rule("log.file", Allowed::AnyText),
    rule("log.file_max_bytes", Allowed::Number(65_536, 1 << 40)),
    rule("log.files", Allowed::Number(0, 1_000)),
    rule("alerts.recipients", Allowed::Mailboxes),
    rule("alerts.severity", Allowed::Word(&["info", "warning", "critical"])),
    rule("alerts.language", Allowed::Word(&["en", "es"])),
    rule("alerts.quiet_s", Allowed::Number(0, 604_800)),
    rule("alerts.templates", Allowed::Path),
    rule("alerts.check_s", SECONDS),
    rule("alerts.queue_messages", Allowed::Number(0, 1_000_000_000)),
    rule("alerts.queue_stuck_s", Allowed::Number(0, 604_800)),
    rule("alerts.dead_letters", Allowed::Number(0, 1_000_000_000)),
    rule("alerts.disk_free_mb", Allowed::Number(0, 1 << 30)),
    rule("smtp.url", Allowed::Url(&["smtp://", "smtps://"])).also(&["SMTP_URL"]).secret(),
    rule("smtp.encryption", Allowed::Word(&["required", "none"])),
    rule("smtp.from", Allowed::Mailbox),
    rule("smtp.ca_file", Allowed::File),
    rule("smtp.timeout_s", Allowed::Number(1, 600)),
];

/// The rule of a setting.
pub(super) fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

impl Allowed {
    /// Whether a value is allowed.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Number(from, to), Value::Integer(number)) => (from..=to).contains(&number),
            (Self::Flag, Value::Boolean(_)) => true,
            (Self::List, Value::Array(items)) => items.iter().all(Value::is_str),
            (Self::Mailboxes, Value::Array(items)) => {
                items.iter().all(|item| item.as_str().is_some_and(is_mail_address))
            }
            (Self::Hosts, Value::Array(items)) => items.iter().all(|item| item.as_str().is_some_and(is_host_pattern)),
            (Self::Networks, Value::Array(items)) => items.iter().all(|item| item.as_str().is_some_and(is_network)),
            (Self::Origins, Value::Array(items)) => items.iter().all(|item| item.as_str().is_some_and(is_origin)),
            (_, Value::String(text)) => self.accepts_text(text),
            _ => false,
        }
    }

    const fn is_list(&self) -> bool {
        matches!(self, Self::List | Self::Hosts | Self::Networks | Self::Origins | Self::Mailboxes)
    }

    fn accepts_text(&self, text: &str) -> bool {
        match self {
            Self::Number(..) | Self::Flag => false,
            Self::List | Self::Hosts | Self::Networks | Self::Origins | Self::Mailboxes => false,
            Self::Mailbox => {
                let address = text.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>')).unwrap_or(text);
                text.is_empty() || is_mail_address(address)
            }
            Self::Word(words) => words.contains(&text),
            Self::Address => text.parse::<IpAddr>().is_ok(),
            Self::HostPort => text.is_empty() || is_host_and_port(text),
            Self::Url(starts) => {
                text.is_empty() || starts.iter().any(|start| text.len() > start.len() && text.starts_with(start))
            }
            Self::Text => !text.trim().is_empty(),
            Self::File => text.is_empty() || Path::new(text).is_file(),
            Self::Path => text.is_empty() || Path::new(text).exists(),
            Self::AnyText => true,
            Self::Key => text.bytes().all(|byte| byte.is_ascii_graphic()),
            Self::Size => text.parse::<Size>().is_ok(),
            Self::Budget => text.parse::<Budget>().is_ok(),
            Self::Filter => is_filter(text),
        }
    }

    /// What a variable's text means; a text that means nothing stays one, and is refused by [`Self::accepts`].
    pub(super) fn read(&self, text: &str) -> Value {
        let text = text.trim();
        match self {
            Self::Number(..) => text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer),
            Self::Flag => text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Boolean),
            _ if self.is_list() && text.starts_with('[') => toml::from_str::<toml::Table>(&format!("list = {text}"))
                .ok()
                .and_then(|mut table| table.remove("list"))
                .unwrap_or_else(|| Value::String(text.to_owned())),
            _ if self.is_list() => {
                Value::Array(text.split_whitespace().map(|word| Value::String(word.to_owned())).collect())
            }
            _ => Value::String(text.to_owned()),
        }
    }

    /// What is allowed, after "it must be".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Number(from, to) => format!("a whole number from {from} to {to}"),
            Self::Word(words) => words.join(" or "),
            Self::Address => "an IP address, such as 127.0.0.1, 0.0.0.0 or ::1".to_owned(),
            Self::HostPort => "host:port, such as 127.0.0.1:8443, or empty".to_owned(),
            Self::Url(starts) => format!("an address that starts with {}, or empty", starts.join(" or ")),
            Self::Text => "a text that is not empty".to_owned(),
            Self::File => "the path of a file that is there, or empty".to_owned(),
            Self::Path => "the path of a file or folder that is there, or empty".to_owned(),
            Self::AnyText => "a text".to_owned(),
            Self::Key => "a text of visible ASCII characters without blanks, or empty".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::List => "a list of texts, such as [\"--lang=es\"]".to_owned(),
            Self::Hosts => {
                "a list of hosts, *.domain, addresses or networks, such as [\"n8n\", \"*.internal\", \"10.0.0.0/8\"]"
                    .to_owned()
            }
            Self::Size => "an amount of memory, such as 600MB or 2GB".to_owned(),
            Self::Budget => "an amount of memory such as 2GB, or a share of what there is such as 80%".to_owned(),
            Self::Mailbox => {
                "an address such as drover@example.com or drover <drover@example.com>, or empty".to_owned()
            }
            Self::Mailboxes => "a list of mail addresses, such as [\"ops@example.com\"]".to_owned(),
            Self::Networks => "a list of addresses and networks, such as [\"127.0.0.1\", \"10.0.0.0/8\"]".to_owned(),
            Self::Origins => "a list of origins, such as [\"https://shop.example\"], or [\"*\"]".to_owned(),
            Self::Filter => {
                "error, warn, info, debug, trace or off, or a filter such as info,drover::session=debug".to_owned()
            }
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// Whether a text looks like an address of mail: something, `@`, a domain. What the mail server makes of it, it tells.
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    let is_odd =
        |character: char| character.is_whitespace() || character.is_control() || "<>,;\"()".contains(character);
    text.rsplit_once('@').is_some_and(|(name, domain)| {
        let is_domain = !domain.is_empty() && !domain.starts_with(['.', '-']) && !domain.ends_with(['.', '-']);
        !name.is_empty() && is_domain && !text.contains(is_odd) && !name.contains('@') && text.len() <= 254
    })
}

/// No URL, port or path: those would match nothing.
fn is_host_pattern(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
    };
    text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok() || is_name(text.strip_prefix("*.").unwrap_or(text))
}

fn is_network(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok()
}

/// A scheme and a host, and nothing behind them.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@', ',']))
}

/// A bare word would be taken for the name of a module, and silence everything: only levels are.
fn is_filter(text: &str) -> bool {
    let words_are_levels = text
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.contains(['=', '[']))
        .all(|directive| directive.parse::<LevelFilter>().is_ok());
    words_are_levels && EnvFilter::builder().parse(text).is_ok()
}

/// Whether a text is a filter of log lines.
///
/// # Errors
/// What it must be.
pub fn check_log_level(text: &str) -> Result<(), String> {
    if is_filter(text) { Ok(()) } else { Err(format!("it must be {}", Allowed::Filter.describe())) }
}

/// What holds between settings: the setting to change and what it must be.
pub(super) fn check_together(config: &Config) -> Result<(), (&'static str, String)> {
    let Config { browser, keepalive, memory, queue, limits, media, shutdown, typing, .. } = config;
    let busy_s = queue.send_timeout_s + 2 * browser.call_timeout_s + typing.longest_ms.div_ceil(1000);
    let demands = [
        (
            "queue.lease_s",
            queue.lease_s > busy_s,
            format!("more than {busy_s} (queue.send_timeout_s, twice browser.call_timeout_s, and typing.longest_ms)"),
        ),
        (
            "keepalive.watchdog_s",
            keepalive.watchdog_s > keepalive.ping_s,
            format!("more than {} (keepalive.ping_s)", keepalive.ping_s),
        ),
        (
            "keepalive.watchdog_loading_s",
            keepalive.watchdog_loading_s >= keepalive.watchdog_s,
            format!("at least {} (keepalive.watchdog_s)", keepalive.watchdog_s),
        ),
        (
            "keepalive.acks_s",
            keepalive.acks_s > queue.send_timeout_s,
            format!("more than {} (queue.send_timeout_s)", queue.send_timeout_s),
        ),
        (
            "keepalive.backoff_max_s",
            keepalive.backoff_max_s >= keepalive.backoff_s,
            format!("at least {} (keepalive.backoff_s)", keepalive.backoff_s),
        ),
        (
            "browser.close_grace_s",
            browser.close_grace_s <= shutdown.grace_s,
            format!("at most {} (shutdown.grace_s)", shutdown.grace_s),
        ),
        ("memory.critical", memory.critical > memory.warning, format!("more than {} (memory.warning)", memory.warning)),
        (
            "media.stall_timeout_s",
            media.stall_timeout_s < media.fetch_timeout_s,
            format!("less than {} (media.fetch_timeout_s)", media.fetch_timeout_s),
        ),
    ];
    let refused = demands.into_iter().find(|(_, holds, _)| !holds).map(|(name, _, allowed)| (name, allowed));
    refused.or_else(|| limits_together(limits)).map_or(Ok(()), Err)
}

/// What does not hold between the limits: the one to change and what it must be.
pub(super) fn limits_together(limits: &Limits) -> Option<(&'static str, String)> {
    if limits.burst > limits.per_minute {
        return Some(("limits.burst", format!("at most {} (limits.per_minute)", limits.per_minute)));
    }
    (limits.per_hour < limits.burst).then(|| ("limits.per_hour", format!("at least {} (limits.burst)", limits.burst)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_of_what_is_allowed_are_refused() {
        for (name, refused) in [
            ("http.port", vec!["65536", "-1", "eighty", "3000.5"]),
            ("http.bind", vec!["localhost", "127.0.0.1:3000"]),
            ("http.api_key", vec!["two words", "schlüssel"]),
            ("browser.prefer", vec!["firefox", "Chromium"]),
            ("browser.bridge", vec!["/no/such/file.js"]),
            ("browser.web_version_html", vec!["/no/such/page.html", "/"]),
            ("browser.simulator", vec!["8443", "host:", ":8443", "https://host:8443", "host:0"]),
            ("redis.url", vec!["localhost:6379", "http://host", "redis://"]),
            ("database.url", vec!["mysql://host", "drover.db"]),
            ("memory.budget", vec!["most", "0%", "120%", "12"]),
            ("memory.session_max", vec!["50%", "-1MB"]),
            ("queue.unknown", vec!["drop"]),
            ("queue.attempts", vec!["0", "101"]),
            ("log.level", vec!["verbose", "info,loud", "drover=shout"]),
            ("redis.server", vec![" "]),
            ("network.allow_private", vec!["yes", "1"]),
            ("alerts.recipients", vec!["ops", "ops@", "@example.com", "ops@example.com,b@example.com"]),
            ("smtp.from", vec!["drover", "drover <drover>"]),
            ("smtp.url", vec!["mail.example.com", "http://mail.example.com", "smtp://"]),
            ("http.trusted_proxies", vec!["proxy", "10.0.0.0/40"]),
            ("http.cors_origins", vec!["shop.example", "https://shop.example/", "https://"]),
            ("rate.admin_per_minute", vec!["-1", "100001"]),
            ("network.allow_hosts", vec!["http://n8n", "n8n:5678", "10.0.0.0/40", "*"]),
        ] {
            let allowed = &find(name).expect(name).allowed;
            for text in refused {
                assert!(!allowed.accepts(&allowed.read(text)), "{name} took {text:?}");
            }
        }
    }

    #[test]
    fn values_that_are_allowed_are_taken() {
        for (name, taken) in [
            ("http.port", vec!["0", " 8080 "]),
            ("http.bind", vec!["::1", "0.0.0.0"]),
            ("browser.args", vec!["--lang=es --mute-audio", "[\"--lang=es\"]"]),
            ("browser.simulator", vec!["127.0.0.1:8443", "[::1]:8443"]),
            ("redis.url", vec!["redis://:secret@host:6379/1", "rediss://host", "redis+cluster://a:1,b:2"]),
            ("database.url", vec!["postgres://u:p@host/db", "sqlite:///srv/drover.db", "sqlite::memory:"]),
            ("memory.budget", vec!["80%", "2GB", "1073741824"]),
            ("network.allow_private", vec!["true", " false "]),
            ("alerts.recipients", vec!["", "ops@example.com b@example.com", "[\"ops@localhost\"]"]),
            ("smtp.from", vec!["", "drover@example.com", "drover of ours <drover@example.com>"]),
            ("http.trusted_proxies", vec!["", "10.0.0.0/8 ::1", "[\"127.0.0.1\"]"]),
            ("http.cors_origins", vec!["", "*", "https://shop.example http://localhost:8080"]),
            ("network.allow_hosts", vec!["", "n8n *.internal 10.0.0.0/8 ::1", "[\"localhost\"]"]),
            ("log.level", vec!["INFO", "debug", "info,drover::session=trace", "off"]),
        ] {
            let allowed = &find(name).expect(name).allowed;
            for text in taken {
                assert!(allowed.accepts(&allowed.read(text)), "{name} refused {text:?}");
            }
        }
    }

    #[test]
    fn a_list_is_read_from_words_or_from_toml() {
        let list = Value::Array(vec![Value::String("--a=1".to_owned()), Value::String("--b".to_owned())]);
        assert_eq!(Allowed::List.read("--a=1 --b"), list);
        assert_eq!(Allowed::List.read(r#"["--a=1", "--b"]"#), list);
        assert!(!Allowed::List.accepts(&Allowed::List.read(r#"["--a"#)));
    }
}
