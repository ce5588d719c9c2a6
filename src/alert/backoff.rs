//! When a mail that could not be sent is tried again: after a minute, twice as long each time, up to half an hour, for a day.
//!
//! The day is counted in pauses and not by the clock, so that a clock that jumps gives up no mail.

const FIRST_MS: i64 = 60_000;
const LONGEST_MS: i64 = 1_800_000;
const DAY_MS: i64 = 86_400_000;

/// The pause after so many failed tries (1 or more); None when a day of them is over.
pub(super) fn pause_after(failed: u32) -> Option<i64> {
    let waited: i64 = (1..failed).map(pause).sum();
    (waited < DAY_MS).then(|| pause(failed))
}

/// Whether a mail is due. One that is due later than any pause lasts was put off by a clock that went back.
pub(super) fn is_due(due_at_ms: i64, now_ms: i64) -> bool {
    due_at_ms <= now_ms || due_at_ms > now_ms + LONGEST_MS
}

fn pause(failed: u32) -> i64 {
    (FIRST_MS << failed.saturating_sub(1).min(16)).min(LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_last_a_day_together() {
        let pauses: Vec<i64> = (1..).map_while(pause_after).collect();
        assert_eq!(pauses[..6], [60_000, 120_000, 240_000, 480_000, 960_000, 1_800_000]);
        let all: i64 = pauses.iter().sum();
        assert!((DAY_MS..DAY_MS + LONGEST_MS).contains(&all), "{all}");
        assert_eq!(pause_after(1_000), None);
    }

    #[test]
    fn a_clock_that_jumps_back_puts_nothing_off_for_hours() {
        let now = 1_000 * DAY_MS;
        assert!(is_due(now, now) && is_due(now - DAY_MS, now));
        assert!(!is_due(now + LONGEST_MS, now));
        assert!(is_due(now + 5 * 3_600_000, now), "the clock went five hours back");
    }
}
