//! When a delivery that failed is tried again.

use serde::Deserialize;

/// No pause is longer, however often a delivery failed.
const LONGEST_MS: i64 = 3_600_000;

/// How the pause grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Policy {
    /// It does not.
    Constant,
    /// By one delay each time.
    Linear,
    /// It doubles.
    Exponential,
}

/// How often, and after which pauses, a delivery is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retries {
    /// How the pause grows.
    pub(super) policy: Policy,
    /// The first pause.
    pub(super) delay_ms: i64,
    /// How often it is tried in all.
    pub(super) attempts: u32,
}

impl Retries {
    /// The pause after so many failed tries (1 or more); None when they were all.
    #[must_use]
    pub(super) fn pause_after(&self, failed: u32) -> Option<i64> {
        if failed >= self.attempts {
            return None;
        }
        let factor = match self.policy {
            Policy::Constant => 1,
            Policy::Linear => i64::from(failed),
            Policy::Exponential => 1_i64 << failed.saturating_sub(1).min(32),
        };
        Some(self.delay_ms.saturating_mul(factor).min(LONGEST_MS))
    }

    /// When a delivery that failed so often, and was to be tried again at a time, is due. Later than its pause lasts it was put off by
    /// a clock that went back since: it is due now.
    #[must_use]
    pub(super) fn due_ms(&self, failed: u32, due_at_ms: i64, now_ms: i64) -> i64 {
        let longest_ms = self.pause_after(failed).unwrap_or(0);
        if due_at_ms.saturating_sub(now_ms) > longest_ms { now_ms } else { due_at_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(policy: Policy) -> Vec<Option<i64>> {
        let retries = Retries { policy, delay_ms: 2_000, attempts: 5 };
        (1..=5).map(|failed| retries.pause_after(failed)).collect()
    }

    #[test]
    fn a_pause_grows_as_its_policy_says() {
        assert_eq!(pauses(Policy::Constant), [Some(2_000), Some(2_000), Some(2_000), Some(2_000), None]);
        assert_eq!(pauses(Policy::Linear), [Some(2_000), Some(4_000), Some(6_000), Some(8_000), None]);
        assert_eq!(pauses(Policy::Exponential), [Some(2_000), Some(4_000), Some(8_000), Some(16_000), None]);
    }

    #[test]
    fn a_clock_that_goes_back_puts_no_delivery_off() {
        let retries = Retries { policy: Policy::Constant, delay_ms: 2_000, attempts: 5 };
        assert_eq!(retries.due_ms(1, 12_000, 10_000), 12_000);
        assert_eq!(retries.due_ms(1, 9_000, 10_000), 9_000);
        assert_eq!(retries.due_ms(1, 12_001, 10_000), 10_000, "no pause lasts as long");
        assert_eq!(retries.due_ms(0, 0, 10_000), 0, "the first try is due at once");
    }

    #[test]
    fn no_pause_is_longer_than_an_hour() {
        let retries = Retries { policy: Policy::Exponential, delay_ms: 86_400_000, attempts: 1_000 };
        assert_eq!(retries.pause_after(999), Some(LONGEST_MS));
    }
}
