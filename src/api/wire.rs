//! The shapes on the wire. Times whose name ends in `At` are RFC 3339; `timestamp` and `timestamps` are numbers, as in WAHA.

mod alert;
mod done;
mod message;
mod session;
mod webhook;

use jiff::Timestamp;

pub(super) use alert::{AlertStatus, TestedMails, alert_status, tested_mails};
pub(super) use done::Done;
pub(super) use message::{SentMessage, TrackedMessage, WAMessage, sent_message, tracked_message};
pub(super) use session::{SECRET, SessionInfo, session, session_for_reader};
pub(super) use webhook::{DeadDelivery, Webhook, dead_delivery, webhook};

/// RFC 3339 with milliseconds. A time that no calendar holds becomes the epoch.
pub(super) fn rfc3339(at_ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(at_ms).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_with_milliseconds() {
        assert_eq!(rfc3339(1_795_000_000_000), "2026-11-18T11:06:40.000Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
