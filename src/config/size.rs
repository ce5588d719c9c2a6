//! Amounts of memory as a person writes them: `600MB`, `2GB`, a number of bytes, or a share of what there is.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// An amount of memory in bytes. A kB has 1024 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 5] = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40), ("B", 1)];
/// What is smaller holds no browser.
const LEAST: u64 = 1 << 20;

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.trim().to_ascii_uppercase();
        let unit = UNITS.iter().find_map(|(unit, bytes)| upper.strip_suffix(unit).map(|digits| (digits, *bytes)));
        let (digits, unit) = unit.unwrap_or((upper.as_str(), 1));
        let number: u64 = digits.trim().parse().map_err(|_| format!("'{text}' is no amount of memory"))?;
        let bytes = number.checked_mul(unit).filter(|bytes| *bytes >= LEAST);
        bytes.map(Self).ok_or_else(|| format!("'{text}' is less than 1MB, or more than there can be"))
    }
}

/// An amount, or a share of the machine's or the container's limit, whichever is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// In bytes.
    Size(Size),
    /// Of 100.
    Percent(u64),
}

impl Budget {
    /// In bytes, where the limit is known; without one, and without an amount of its own, there is no end to it.
    #[must_use]
    pub fn of_limit(self, limit_bytes: Option<u64>) -> u64 {
        match self {
            Self::Size(size) => limit_bytes.map_or(size.0, |limit| size.0.min(limit)),
            Self::Percent(percent) => limit_bytes.map_or(u64::MAX, |limit| limit / 100 * percent),
        }
    }
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(percent) = text.trim().strip_suffix('%') else { return text.parse().map(Self::Size) };
        let percent = percent.trim().parse().ok().filter(|percent| (1..=100).contains(percent));
        percent.map(Self::Percent).ok_or_else(|| format!("'{text}' is no share from 1% to 100%"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_shares_are_read() {
        for (text, bytes) in [("600MB", 600 << 20), ("2 gb", 2 << 30), ("1048576", 1 << 20), ("4096kB", 4 << 20)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "MB", "1.5GB", "-3MB", "12", "99999999TB", "80%"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert_eq!("80%".parse(), Ok(Budget::Percent(80)));
        assert!("0%".parse::<Budget>().is_err() && "101%".parse::<Budget>().is_err());
    }

    #[test]
    fn the_limit_counts_where_it_is_smaller() {
        let gib = 1 << 30;
        assert_eq!("50%".parse::<Budget>().map(|budget| budget.of_limit(Some(100 * gib))), Ok(50 * gib));
        assert_eq!("3GB".parse::<Budget>().map(|budget| budget.of_limit(Some(2 * gib))), Ok(2 * gib));
        assert_eq!("3GB".parse::<Budget>().map(|budget| budget.of_limit(None)), Ok(3 * gib));
        assert_eq!(Budget::Percent(80).of_limit(None), u64::MAX);
    }
}
