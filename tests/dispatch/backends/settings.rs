//! Settings to begin with: limits that never refuse, so that a test sets only what it is about.

use drover::config;

pub(crate) fn queue() -> config::Queue {
    config::Queue {
        lease_s: 30,
        send_timeout_s: 10,
        attempts: 3,
        backoff_s: 2,
        unknown: config::Unknown::Resend,
        circuit_failures: 0,
        circuit_open_s: 60,
        reconcile_s: 60,
    }
}

pub(crate) fn no_limits() -> config::Limits {
    config::Limits {
        per_minute: 0,
        burst: 0,
        per_hour: 0,
        gap_ms: 0,
        gap_jitter_ms: 0,
        per_recipient_per_minute: 0,
        per_key_per_minute: 0,
        daily_young: 0,
        young_days: 0,
        duplicate_window_s: 0,
    }
}
