//! How well a session does while it does: what its heartbeats, sockets and acknowledgements tell.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a session that sends is shown as degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Degradation {
    /// Its heartbeats take long.
    Latency,
    /// Its socket is lost often.
    SocketDrops,
    /// Its page owes an answer.
    Unanswered,
    /// A send is pending, and nothing is acknowledged.
    Acks,
}

/// How long heartbeats took, over the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Half of them were faster, in milliseconds.
    pub p50_ms: u64,
    /// 95 of 100 were faster, in milliseconds.
    pub p95_ms: u64,
}

/// A session's health, beside its state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionHealth {
    /// Why it is degraded; empty when it is not.
    pub degraded: Vec<Degradation>,
    /// It crashes too often: its restarts wait.
    pub quarantined: bool,
    /// How often it crashed or hung within the last hour.
    pub crashes_last_hour: usize,
    /// None before the first heartbeat of its browser.
    pub latency: Option<Latency>,
    /// How often the socket was lost within the last hour.
    pub socket_drops_last_hour: usize,
    /// Unix milliseconds of the last acknowledgement, of whatever message.
    pub last_ack_at_ms: Option<i64>,
    /// Unix milliseconds of the last small input event.
    pub last_activity_at_ms: Option<i64>,
    /// Whether the account is shown as online; None without a page that was told.
    pub is_online: Option<bool>,
    /// The pictures of its failures that are kept, oldest first.
    pub screenshots: Vec<KeptScreenshot>,
}

/// A picture of a page, taken when it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptScreenshot {
    /// The file's name, by which it is asked for.
    pub name: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The reason's code.
    pub reason: String,
}
