//! How many messages of one person are told a minute: a flood must not become one of everybody behind the events. Pure.

use std::collections::HashMap;

const WINDOW_S: i64 = 60;

/// Whether a message is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is.
    Within,
    /// It is not, and is the first of this minute that is not.
    FirstBeyond,
    /// It is not.
    Beyond,
}

/// Counts by person and minute, by WhatsApp's own times: what was missed in an outage is no flood.
#[derive(Debug)]
pub(super) struct SenderLimit {
    per_minute: u32,
    minute: i64,
    counts: HashMap<String, u32>,
}

impl SenderLimit {
    /// 0: no limit.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, minute: i64::MIN, counts: HashMap::new() }
    }

    /// Counts a message that was sent at this time (Unix seconds).
    pub(super) fn count(&mut self, sender: &str, sent_at_s: i64) -> Verdict {
        if self.per_minute == 0 {
            return Verdict::Within;
        }
        let minute = sent_at_s.div_euclid(WINDOW_S);
        if minute != self.minute {
            // Another minute: nobody is kept longer than that.
            self.counts.clear();
            self.minute = minute;
        }
        let count = self.counts.entry(sender.to_owned()).or_default();
        *count = count.saturating_add(1);
        match count.checked_sub(self.per_minute) {
            None | Some(0) => Verdict::Within,
            Some(1) => Verdict::FirstBeyond,
            Some(_) => Verdict::Beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_persons_flood_is_cut_and_nobody_elses() {
        let mut limit = SenderLimit::new(2);
        let at = |second: i64| 1_800_000_000 + second;
        assert_eq!(limit.count("a", at(0)), Verdict::Within);
        assert_eq!(limit.count("a", at(1)), Verdict::Within);
        assert_eq!(limit.count("a", at(2)), Verdict::FirstBeyond);
        assert_eq!(limit.count("a", at(3)), Verdict::Beyond);
        assert_eq!(limit.count("b", at(3)), Verdict::Within);
        assert_eq!(limit.count("a", at(60)), Verdict::Within, "the next minute");
        let mut none = SenderLimit::new(0);
        assert!((0..100).all(|_| none.count("a", at(0)) == Verdict::Within));
    }
}
