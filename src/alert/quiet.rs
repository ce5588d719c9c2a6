//! When a mail tells of a problem: at once the first time, not again within the hour; what came meanwhile stands in a digest once
//! the hour is over; and a mail closes what a mail opened. Pure.
//!
//! A clock that jumps costs at most one mail too early or an hour of quiet: times that lie in the future count as now.

use crate::store::Told;

/// A problem was raised: whether a mail tells it now. A notice (a phone was linked) that comes again is no problem that came again.
pub(super) fn raised(told: &mut Told, is_notice: bool, now_ms: i64, quiet_ms: i64) -> bool {
    if is_quiet(told, now_ms, quiet_ms) {
        told.repeats = told.repeats.saturating_add(u32::from(!is_notice));
        return false;
    }
    *told = Told { mailed_at_ms: Some(now_ms), repeats: 0, is_told: !is_notice };
    true
}

/// A problem is over: whether a mail tells it.
pub(super) fn resolved(told: &mut Told) -> bool {
    std::mem::take(&mut told.is_told)
}

/// Whether what came again is told now. `is_open`: whether the problem is there still.
pub(super) fn digested(told: &mut Told, is_open: bool, now_ms: i64, quiet_ms: i64) -> bool {
    if told.repeats == 0 || is_quiet(told, now_ms, quiet_ms) {
        return false;
    }
    *told = Told { mailed_at_ms: Some(now_ms), repeats: 0, is_told: is_open };
    true
}

/// When the next digest is due, as far as this problem goes; in milliseconds from now.
pub(super) fn digest_in_ms(told: &Told, now_ms: i64, quiet_ms: i64) -> Option<i64> {
    (told.repeats > 0).then(|| told.mailed_at_ms.map_or(0, |at_ms| (at_ms + quiet_ms - now_ms).clamp(0, quiet_ms)))
}

/// Whether a mail told of it lately. One that was told in the future was told now, by a clock that went back.
fn is_quiet(told: &mut Told, now_ms: i64, quiet_ms: i64) -> bool {
    if told.mailed_at_ms.is_some_and(|at_ms| at_ms > now_ms) {
        told.mailed_at_ms = Some(now_ms);
    }
    told.mailed_at_ms.is_some_and(|at_ms| now_ms - at_ms < quiet_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn one_mail_an_hour_then_a_digest_and_a_mail_that_closes_it() {
        let mut told = Told::default();
        assert!(raised(&mut told, false, 0, HOUR), "the first time at once");
        assert!(resolved(&mut told), "closed");
        assert!(!raised(&mut told, false, 1_000, HOUR), "it came again within the hour");
        assert!(!resolved(&mut told), "what was not told is not closed");
        assert!(!raised(&mut told, false, 2_000, HOUR));
        assert!(!digested(&mut told, true, HOUR - 1, HOUR));
        assert_eq!(digest_in_ms(&told, HOUR - 1, HOUR), Some(1));
        assert_eq!(told.repeats, 2);
        assert!(digested(&mut told, true, HOUR, HOUR), "the hour is over");
        assert!(!digested(&mut told, true, HOUR, HOUR), "once");
        assert!(resolved(&mut told), "the digest told that it is open");
        assert!(raised(&mut told, false, 2 * HOUR, HOUR), "the hour after the digest is over");
    }

    #[test]
    fn a_notice_is_told_and_never_closed() {
        let mut told = Told::default();
        assert!(raised(&mut told, true, 0, HOUR));
        assert!(!resolved(&mut told));
        assert!(!raised(&mut told, true, 1, HOUR));
        assert!(!digested(&mut told, false, HOUR, HOUR), "a phone that was linked twice is no problem that came again");
    }

    #[test]
    fn a_clock_that_jumps_neither_silences_for_long_nor_floods() {
        let mut told = Told::default();
        assert!(raised(&mut told, false, 100 * HOUR, HOUR));
        // Ten hours back: quiet from now on, and no longer than an hour.
        assert!(!raised(&mut told, false, 90 * HOUR, HOUR));
        assert!(digested(&mut told, true, 91 * HOUR, HOUR));
        // Ten hours on: a mail too early, and quiet again.
        assert!(raised(&mut told, false, 101 * HOUR, HOUR));
        assert!(!raised(&mut told, false, 101 * HOUR + 1, HOUR));
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Raise,
        Resolve,
        Digest,
        Wait(i64),
        Jump(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            Just(Step::Raise),
            Just(Step::Resolve),
            Just(Step::Digest),
            (1..HOUR).prop_map(Step::Wait),
            (-12 * HOUR..12 * HOUR).prop_map(Step::Jump),
        ];
        proptest::collection::vec(step, 1..200)
    }

    proptest! {
        /// Whatever the clock does, mails about a problem are at most one for each hour that passed, one for each jump, and the
        /// first; each is closed at most once; and nothing that came again is forgotten.
        #[test]
        fn the_number_of_mails_is_bounded(steps in steps()) {
            let (mut told, mut now, mut is_open) = (Told::default(), 1_000 * HOUR, false);
            let (mut passed, mut jumps, mut mails, mut closed, mut held) = (0, 0, 0_i64, 0_i64, 0_u32);
            for step in steps {
                match step {
                    Step::Raise if !is_open => {
                        is_open = true;
                        if raised(&mut told, false, now, HOUR) { mails += 1; held = 0 } else { held += 1 }
                    }
                    Step::Resolve if is_open => {
                        is_open = false;
                        closed += i64::from(resolved(&mut told));
                    }
                    Step::Digest => {
                        if digested(&mut told, is_open, now, HOUR) { mails += 1; held = 0 }
                    }
                    Step::Wait(ms) => { now += ms; passed += ms }
                    Step::Jump(ms) => { now += ms; jumps += 1 }
                    Step::Raise | Step::Resolve => {}
                }
                prop_assert_eq!(told.repeats, held);
                prop_assert!(closed <= mails);
                prop_assert!(mails <= 1 + passed / HOUR + 1 + jumps, "{} mails", mails);
            }
        }
    }
}
