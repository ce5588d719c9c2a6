//! Every metric that drover has: what it counts, its kind and its labels. docs/metrics.md is made of it, `/metrics` says it in its
//! HELP lines, and a test holds it against the source, the document, the dashboard and the alert rules.
//!
//! Names begin with `drover_` (`process_` where every program has the same) and end in their unit or in `_total`. A label has few
//! values: a session's name is the widest.

/// What kind of figure it is, in Prometheus' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises; it is zero at a start.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many took how long.
    Histogram,
}

impl Kind {
    /// As `/metrics` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind of figure it is.
    pub kind: Kind,
    /// The labels that it always has.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

/// All of them, by what they are about.
pub const METRICS: &[(&str, &[Metric])] = &[
    (
        "Sessions",
        &[
            gauge("drover_sessions", &["state"], "Sessions by state."),
            gauge("drover_session_working", &["session"], "1 while the session can send."),
            gauge("drover_session_degraded", &["session"], "1 while it sends, but badly."),
            gauge("drover_session_quarantined", &["session"], "1 while its restarts wait, since it crashed too often."),
            counter("drover_session_transitions_total", &["from", "to"], "Changes of state."),
            counter("drover_session_recoveries_total", &["cause"], "Returns to ready after trouble, by its cause."),
            histogram("drover_session_recovery_seconds", &["cause"], "From the first trouble until ready again."),
            histogram("drover_session_latency_seconds", &["session"], "Round trips of heartbeats."),
            counter("drover_session_heartbeats_total", &["session", "result"], "Heartbeats: ok or failed."),
            counter("drover_session_pings_total", &["session", "result"], "The watchdog's pings: ok or failed."),
            counter("drover_session_hibernations_total", &["reason"], "How often a session was put to sleep, by why."),
            histogram("drover_session_wake_seconds", &["cause"], "From waking a session until it is ready."),
            counter("drover_session_activity_total", &["session", "result"], "Small input events: ok or failed."),
            counter("drover_session_socket_drops_total", &["session"], "Lost connections to WhatsApp while ready."),
            gauge("drover_session_socket_drops_last_hour", &["session"], "Those of the last hour."),
            gauge(
                "drover_session_last_ack_timestamp_seconds",
                &["session"],
                "When WhatsApp last acknowledged a message of this login (Unix time); 0 before the first.",
            ),
        ],
    ),
    (
        "Launches and memory",
        &[
            gauge("drover_launches_waiting", &[], "Browsers that wait for their turn, memory or processes."),
            gauge("drover_launches_under_way", &[], "Browsers that are being started."),
            histogram("drover_launch_wait_seconds", &[], "How long a start waited for its turn."),
            gauge("drover_map_entries", &["map"], "Entries of the maps in drover's memory."),
            counter(
                "drover_map_evictions_total",
                &["map", "cause"],
                "Entries that went for their age or number, or because nobody holds them.",
            ),
            gauge("drover_sessions_waiting_for_room", &[], "Starts that wait for room in the memory budget."),
            gauge(
                "drover_memory_used_bytes",
                &[],
                "What drover and its browsers hold, and what is set aside for starts.",
            ),
            gauge("drover_memory_budget_bytes", &[], "What they may hold; 0: there is no limit."),
            gauge("drover_memory_limit_bytes", &[], "Memory of the machine, or the least limit of a control group."),
            gauge("drover_memory_level", &[], "0 normal, 1 warning, 2 critical."),
            gauge("drover_memory_own_bytes", &[], "Private memory of drover itself."),
            gauge(
                "drover_memory_children_bytes",
                &[],
                "Private memory of its other children, such as a private Redis.",
            ),
            gauge(
                "drover_session_memory_private_bytes",
                &["session"],
                "Private memory of the process tree of a session.",
            ),
            gauge("drover_session_memory_pss_bytes", &["session"], "The same with its share of what others hold, too."),
            gauge("drover_session_processes", &["session"], "Processes of the tree."),
            gauge("drover_tasks", &[], "Processes and threads in the control group (pids.current)."),
            gauge("drover_tasks_max", &[], "How many there may be; 0: there is no limit."),
            counter("drover_session_collections_total", &[], "How often a page was told to collect its garbage."),
            counter("drover_session_recycles_total", &["session"], "New browsers for pages that held too much."),
            gauge(
                "drover_memory_available_bytes",
                &[],
                "Memory that can still be had, of the machine and its control groups.",
            ),
        ],
    ),
    (
        "The outbound queue",
        &[
            gauge("drover_queue_depth", &["session", "priority"], "Messages that wait or are being sent."),
            gauge("drover_queue_oldest_seconds", &["session"], "How long ago the oldest of them was taken over."),
            counter("drover_queue_claims_total", &["session"], "Messages handed to a sender."),
            counter("drover_queue_retries_total", &["session"], "Messages put back for another try."),
            counter("drover_queue_dead_total", &["code"], "Messages given up, by why."),
            counter("drover_queue_waits_total", &["cause"], "Claims that gave no message, by why."),
            gauge("drover_queue_circuit_open", &["session"], "1 while the session's queue rests after failures."),
            counter("drover_queue_circuit_opened_total", &["session"], "How often it began to rest."),
            histogram("drover_queue_call_seconds", &["script"], "Calls of the queue's scripts in Redis."),
            counter("drover_inlet_entries_total", &["outcome"], "Entries of the Redis inlet, by what became of them."),
            counter("drover_number_cache_total", &["result"], "Look-ups of numbers: hit or miss."),
        ],
    ),
    (
        "Sends",
        &[
            counter("drover_sends_total", &["session", "outcome"], "Attempts: sent, rejected, failed or unknown."),
            histogram("drover_send_seconds", &["outcome"], "From telling the page until the outcome of an attempt."),
            histogram(
                "drover_send_wait_seconds",
                &["priority"],
                "From when a message could be sent until its first attempt.",
            ),
        ],
    ),
    (
        "What comes in",
        &[
            counter("drover_inbound_total", &["session"], "Messages that came in and were told."),
            counter(
                "drover_inbound_duplicates_total",
                &["step"],
                "Messages that were known already, by what knew them.",
            ),
            counter(
                "drover_inbound_limited_total",
                &["session"],
                "Messages kept but not told: one person wrote too many.",
            ),
            counter("drover_inbound_media_bytes_total", &[], "Bytes of received files."),
            counter("drover_inbound_media_failures_total", &["cause"], "Received files that could not be had, by why."),
            histogram("drover_inbound_media_seconds", &[], "How long it took to have a received file."),
            counter("drover_event_stream_entries_total", &[], "Events written to the Redis stream."),
        ],
    ),
    (
        "Webhooks",
        &[
            counter("drover_webhook_deliveries_total", &["session", "outcome"], "Deliveries, by outcome."),
            histogram("drover_webhook_delivery_seconds", &["outcome"], "How long a receiver took."),
            histogram("drover_webhook_lag_seconds", &[], "From an event until its delivery began."),
            gauge("drover_webhook_backlog", &["session"], "Events that wait to be delivered."),
            gauge("drover_webhook_circuits_open", &[], "Addresses that rest after failures."),
            counter(
                "drover_webhook_replies_total",
                &["session", "outcome"],
                "Messages in receivers' answers, by outcome.",
            ),
        ],
    ),
    (
        "Alerts",
        &[counter(
            "drover_alert_mails_total",
            &["outcome"],
            "Tries at sending a mail about an alert: sent, deferred or given up.",
        )],
    ),
    (
        "Files",
        &[
            histogram("drover_media_fetch_seconds", &["from"], "How long it took to have a file that is sent."),
            counter("drover_media_fetch_bytes_total", &["from"], "Bytes of them."),
            counter("drover_media_fetch_failures_total", &["from", "cause"], "Files that could not be had, by why."),
            counter("drover_media_fetch_retries_total", &["cause"], "Downloads tried again, by why."),
            counter("drover_media_removed_total", &["cause"], "Kept files removed: for their age, or to make room."),
            gauge("drover_media_kept_bytes", &[], "Bytes of the files that are kept."),
            counter("drover_retention_removed_total", &["table"], "Rows removed for their age."),
        ],
    ),
    (
        "The API",
        &[
            counter("drover_http_requests_total", &["route", "method", "status"], "Requests that were answered."),
            histogram("drover_http_request_seconds", &["route", "method"], "Until an answer began."),
        ],
    ),
    (
        "Redis and the database",
        &[
            gauge("drover_redis_up", &[], "1 while the link to Redis is up."),
            histogram("drover_redis_call_seconds", &[], "How long commands and scripts took."),
            counter("drover_redis_errors_total", &[], "Those that failed."),
            counter("drover_redis_reconnects_total", &[], "Links to Redis that were built anew."),
            counter("drover_database_errors_total", &["kind"], "Failures: locked, no_connection or failed."),
            histogram(
                "drover_database_call_seconds",
                &["operation"],
                "How long a write took until it was durable; how long a read had its connection.",
            ),
            histogram("drover_database_wait_seconds", &[], "How long a read waited for a connection."),
            gauge("drover_database_connections", &["state"], "Connections of the pool: idle or in use."),
        ],
    ),
    (
        "The process",
        &[
            gauge("drover_build_info", &["version", "arch"], "Always 1; what runs."),
            gauge(
                "drover_zombie_processes",
                &[],
                "Children that ended and were not reaped yet; more than a few is a fault.",
            ),
            gauge("drover_disk_available_bytes", &[], "What the data folder's disk has left."),
            gauge("drover_disk_size_bytes", &[], "The size of the data folder's disk."),
            gauge("process_resident_memory_bytes", &[], "Memory of drover itself, without browsers and Redis."),
            gauge("process_virtual_memory_bytes", &[], "Address space of drover itself."),
            gauge("process_threads", &[], "Threads of drover itself."),
            gauge("process_open_fds", &[], "Open files and sockets of drover itself."),
            gauge("process_max_fds", &[], "How many it may have."),
            gauge("process_start_time_seconds", &[], "When it started (Unix time)."),
            counter("process_cpu_seconds_total", &[], "Processor time of drover itself, in whole seconds."),
        ],
    ),
];

/// Each metric.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().flat_map(|(_, metrics)| metrics.iter())
}

/// docs/metrics.md.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         What `GET /metrics` answers in Prometheus' text format, to a key that may read every session (header `X-Api-Key`). `make docs`\n\
         makes this page of `src/telemetry/catalogue.rs`. [deploy/prometheus](../deploy/prometheus) has alert rules,\n\
         [deploy/grafana](../deploy/grafana) a dashboard.\n\n\
         A histogram has `_bucket`, `_sum` and `_count`. A metric is there once there was something to count. Labels have few values:\n\
         `session` is the widest, one for each session; no number, chat, message or address ever is a label.\n",
    );
    for (title, metrics) in METRICS {
        text.push_str(&format!("\n## {title}\n\n| Metric | Kind | Labels | |\n|---|---|---|---|\n"));
        for Metric { name, kind, labels, help } in *metrics {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            text.push_str(&format!("| `{name}` | {} | {} | {help} |\n", kind.as_str(), labels.join(", ")));
        }
    }
    text
}
