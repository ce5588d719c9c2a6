//! A QR code to scan.

use serde::{Deserialize, Serialize};

/// What a phone scans to link. A new one replaces it every 20 to 60 seconds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Qr {
    /// The payload: `ref,noise,identity,secret,platform`. A secret: whoever scans it holds the account.
    pub value: String,
    /// Counts the codes of a session, from 1, for as long as the daemon runs.
    pub seq: u64,
    /// Unix time in milliseconds after which it is not served any more.
    pub expires_at_ms: i64,
}

impl std::fmt::Debug for Qr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Qr")
            .field("seq", &self.seq)
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}
