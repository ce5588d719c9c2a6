//! The limits of one session: what its `config.limits` says differently from `[limits]`.

use serde::Deserialize;
use toml::Value;
use utoipa::ToSchema;

use super::{Limits, rules};

/// What a session's `config.limits` sets, by WAHA's way of writing names; what it leaves out is as `[limits]` has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionLimits {
    /// Messages a minute.
    pub per_minute: Option<u32>,
    /// How many of them may go at once.
    pub burst: Option<u32>,
    /// Messages an hour.
    pub per_hour: Option<u32>,
    /// The least pause between two messages, in milliseconds.
    pub gap_ms: Option<u64>,
    /// Up to this much is added to the pause at random, in milliseconds.
    pub gap_jitter_ms: Option<u64>,
    /// Messages a minute to one recipient.
    pub per_recipient_per_minute: Option<u32>,
    /// Messages on an account's first day, and as many more on each further one while it is young; 0 does not warm up.
    pub daily_young: Option<u32>,
    /// For how many days after it was first linked the account is young.
    pub young_days: Option<u32>,
}

/// A limit of a session that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("config.limits.{field} must be {allowed}")]
pub struct RefusedLimit {
    /// The field of `config.limits`.
    pub field: &'static str,
    /// What it must be.
    pub allowed: String,
}

impl SessionLimits {
    /// The limits of a session's `config`. What is not there, or was never checked, leaves `[limits]` as it is.
    #[must_use]
    pub fn of_config(config: &serde_json::Value) -> Self {
        config.get("limits").and_then(|limits| Self::deserialize(limits).ok()).unwrap_or_default()
    }

    /// `[limits]` with what this session has differently.
    ///
    /// What depends on each other is made to fit: the burst is never more than the rate of the minute.
    #[must_use]
    pub fn over(&self, limits: &Limits) -> Limits {
        let per_minute = self.per_minute.unwrap_or(limits.per_minute);
        let burst = self.burst.unwrap_or(limits.burst);
        let burst = if per_minute > 0 { burst.min(per_minute) } else { burst };
        let per_hour =
            self.per_hour.unwrap_or(if limits.per_hour > 0 { limits.per_hour.max(burst) } else { limits.per_hour });
        Limits {
            per_minute,
            burst,
            per_hour,
            gap_ms: self.gap_ms.unwrap_or(limits.gap_ms),
            gap_jitter_ms: self.gap_jitter_ms.unwrap_or(limits.gap_jitter_ms),
            per_recipient_per_minute: self.per_recipient_per_minute.unwrap_or(limits.per_recipient_per_minute),
            daily_young: self.daily_young.unwrap_or(limits.daily_young),
            young_days: self.young_days.unwrap_or(limits.young_days),
            ..*limits
        }
    }

    /// Whether each may be what it is, and those that depend on each other fit.
    ///
    /// # Errors
    /// The first that may not.
    pub fn check(&self) -> Result<(), RefusedLimit> {
        let given = [
            ("perMinute", "limits.per_minute", self.per_minute.map(u64::from)),
            ("burst", "limits.burst", self.burst.map(u64::from)),
            ("perHour", "limits.per_hour", self.per_hour.map(u64::from)),
            ("gapMs", "limits.gap_ms", self.gap_ms),
            ("gapJitterMs", "limits.gap_jitter_ms", self.gap_jitter_ms),
            ("perRecipientPerMinute", "limits.per_recipient_per_minute", self.per_recipient_per_minute.map(u64::from)),
            ("dailyYoung", "limits.daily_young", self.daily_young.map(u64::from)),
            ("youngDays", "limits.young_days", self.young_days.map(u64::from)),
        ];
        for (field, setting, value) in given {
            let Some(value) = value else { continue };
            let rule = rules::find(setting).expect("each of them is a setting");
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            if !rule.allowed.accepts(&Value::Integer(value)) {
                return Err(RefusedLimit { field, allowed: rule.allowed.describe() });
            }
        }
        match (self.burst, self.per_minute, self.per_hour) {
            (Some(burst), Some(per_minute), _) if burst > per_minute => {
                Err(RefusedLimit { field: "burst", allowed: format!("at most {per_minute} (perMinute)") })
            }
            (Some(burst), _, Some(per_hour)) if per_hour < burst => {
                Err(RefusedLimit { field: "perHour", allowed: format!("at least {burst} (burst)") })
            }
            _ => Ok(()),
        }
    }
}

impl Limits {
    /// How many messages an account may send today, that was first linked at `linked_at_ms`; None: no cap. One whose age is
    /// unknown is as young as can be. Times are Unix milliseconds.
    #[must_use]
    pub fn daily_cap(&self, linked_at_ms: Option<i64>, now_ms: i64) -> Option<u32> {
        const DAY_MS: i64 = 86_400_000;
        if self.daily_young == 0 {
            return None;
        }
        let age_days = linked_at_ms.map_or(0, |linked_at_ms| (now_ms / DAY_MS - linked_at_ms / DAY_MS).max(0));
        let age_days = u32::try_from(age_days).unwrap_or(u32::MAX);
        (age_days < self.young_days).then(|| self.daily_young.saturating_mul(age_days + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Sources};

    fn defaults() -> Limits {
        config::load(&Sources::of("/srv".as_ref(), &[])).expect("the defaults").config.limits
    }

    fn of(limits: serde_json::Value) -> SessionLimits {
        SessionLimits::of_config(&serde_json::json!({ "limits": limits }))
    }

    #[test]
    fn a_session_changes_what_it_names_and_nothing_else() {
        let limits = defaults();
        assert_eq!(SessionLimits::default().over(&limits), limits);
        let changed = of(serde_json::json!({ "perMinute": 2, "gapMs": 0 })).over(&limits);
        assert_eq!(changed, Limits { per_minute: 2, burst: 2, gap_ms: 0, ..limits });
    }

    #[test]
    fn what_is_not_allowed_is_refused_by_its_field() {
        for (limits, field) in [
            (serde_json::json!({ "perMinute": 0 }), "perMinute"),
            (serde_json::json!({ "perMinute": 2, "burst": 3 }), "burst"),
            (serde_json::json!({ "burst": 5, "perHour": 4 }), "perHour"),
            (serde_json::json!({ "gapMs": 9_999_999_999_u64 }), "gapMs"),
            (serde_json::json!({ "youngDays": 1000 }), "youngDays"),
        ] {
            assert_eq!(of(limits).check().expect_err(field).field, field);
        }
        assert_eq!(of(serde_json::json!({ "perMinute": 60, "burst": 10 })).check(), Ok(()));
    }

    #[test]
    fn the_cap_of_a_young_account_rises_by_the_day_until_it_is_gone() {
        const DAY_MS: i64 = 86_400_000;
        let limits = Limits { daily_young: 50, young_days: 3, ..defaults() };
        let cap_after = |days: i64| limits.daily_cap(Some(20_000 * DAY_MS + 5), (20_000 + days) * DAY_MS + 1);
        assert_eq!((0..5).map(cap_after).collect::<Vec<_>>(), [Some(50), Some(100), Some(150), None, None]);
        assert_eq!(limits.daily_cap(None, 0), Some(50));
        assert_eq!(Limits { daily_young: 0, ..limits }.daily_cap(None, 0), None);
    }
}
