//! How a message is written in Redis: one text, the same wherever it stands, from columns of its row that never change. So it is
//! found again without an index, and is not put in twice.

use crate::model::{MessageId, OutboundMessage, Priority};

/// A place has 13 digits: whatever lies beyond is far enough away.
const LAST_PLACE: i64 = 9_999_999_999_999;

/// As `filing.lua` has it: `chat|place|id|rank of its priority|1 if it is scheduled`.
pub(super) fn written(message: &OutboundMessage) -> Vec<u8> {
    // A time that had passed when it was accepted gives no right to overtake.
    let send_at_ms = message.schedule.send_at_ms.filter(|send_at_ms| *send_at_ms > message.created_at_ms);
    let place = send_at_ms.unwrap_or(message.created_at_ms).clamp(0, LAST_PLACE);
    let rank = match message.schedule.priority {
        Priority::High => 1,
        Priority::Normal => 2,
        Priority::Low => 3,
    };
    let is_scheduled = u8::from(send_at_ms.is_some());
    format!("{}|{place:013}|{}|{rank}|{is_scheduled}", message.chat, message.id).into_bytes()
}

/// The id of a message that was written so.
pub(super) fn id_of(written: &str) -> Option<MessageId> {
    written.split('|').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Content,
        message::{Progress, Schedule},
    };

    fn message(created_at_ms: i64, send_at_ms: Option<i64>) -> OutboundMessage {
        OutboundMessage {
            id: "3EB0A1B2C3D4E5F6A7B8C9".parse().unwrap(),
            session: "main".parse().unwrap(),
            chat: "15550000001@c.us".parse().unwrap(),
            content: Content::text("hello"),
            schedule: Schedule { priority: Priority::Low, send_at_ms, expires_at_ms: None },
            progress: Progress::accepted(),
            created_at_ms,
        }
    }

    fn text(message: &OutboundMessage) -> String {
        String::from_utf8(written(message)).unwrap()
    }

    #[test]
    fn its_place_is_its_acceptance_or_the_later_time_it_is_scheduled_for() {
        let at_once = text(&message(5, None));
        assert_eq!(at_once, "15550000001@c.us|0000000000005|3EB0A1B2C3D4E5F6A7B8C9|3|0");
        assert_eq!(id_of(&at_once).unwrap().as_str(), "3EB0A1B2C3D4E5F6A7B8C9");
        assert_eq!(text(&message(5, Some(5))), at_once);
        let scheduled = text(&message(5, Some(1_764_378_342_123)));
        assert_eq!(scheduled, "15550000001@c.us|1764378342123|3EB0A1B2C3D4E5F6A7B8C9|3|1");
    }

    #[test]
    fn a_time_beyond_the_digits_is_as_late_as_can_be() {
        assert!(text(&message(5, Some(i64::MAX))).contains("|9999999999999|"));
        assert!(text(&message(-1, None)).contains("|0000000000000|"));
    }
}
