//! Times as a person at this machine reads them; programs get them as the API wrote them, with `--json`.

use jiff::{Timestamp, tz::TimeZone};

/// Unix milliseconds.
pub(in crate::cli) fn of_ms(ms: i64) -> String {
    written(Timestamp::from_millisecond(ms).unwrap_or_default())
}

/// A time as the API writes it; what is none stays as it is.
pub(in crate::cli) fn of_rfc3339(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), written)
}

fn written(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_written_alike() {
        assert_eq!(of_rfc3339("2026-11-18T11:06:40.123Z"), of_ms(1_795_000_000_123));
        assert_eq!(of_ms(1_795_000_000_123).len(), "2026-11-18 11:06:40".len());
        assert_eq!(of_rfc3339("soon"), "soon");
    }
}
