//! Masks for log fields: enough is left to tell two apart and to recognise one's own, never enough to use or to call.
//!
//! A number is `155******67`, a chat `155******67@c.us`, a key `ab…(43)`, a QR payload or a text only its length.

use std::fmt;

/// A phone number, or any text with one: every run of seven digits or more loses its middle. Fits chat ids and message
/// keys too.
#[derive(Clone, Copy)]
pub struct Numbers<'t>(pub &'t str);

/// A key or token: its first two characters and its length.
#[derive(Clone, Copy)]
pub struct Key<'t>(pub &'t str);

/// A text whose content is nobody's business: its length in characters.
#[derive(Clone, Copy)]
pub struct Content<'t>(pub &'t str);

/// How many digits make a phone number.
const NUMBER_DIGITS: usize = 7;

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            if is_digit && run.len() >= NUMBER_DIGITS {
                write!(formatter, "{}{}{}", &run[..3], "*".repeat(run.len() - 5), &run[run.len() - 2..])?;
            } else {
                formatter.write_str(run)?;
            }
            rest = after;
        }
        Ok(())
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.chars().count();
        let shown = if length >= 16 { 2 } else { 0 };
        let start: String = self.0.chars().take(shown).collect();
        write!(formatter, "{start}…({length})")
    }
}

impl fmt::Display for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "({} characters)", self.0.chars().count())
    }
}

impl fmt::Debug for Numbers<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_lose_their_middle() {
        for (given, expected) in [
            ("15551234567", "155******67"),
            ("15551234567@c.us", "155******67@c.us"),
            ("true_15551234567@c.us_3EB0A1B2C3", "true_155******67@c.us_3EB0A1B2C3"),
            ("1234567-1400000000@g.us", "123**67-140*****00@g.us"),
            ("port 3000, 5 sessions", "port 3000, 5 sessions"),
            ("año 15551234567", "año 155******67"),
            ("", ""),
        ] {
            assert_eq!(Numbers(given).to_string(), expected);
        }
    }

    #[test]
    fn keys_and_contents_show_their_length() {
        assert_eq!(Key("drover_AbCdEfGhIjKlMnOp").to_string(), "dr…(23)");
        assert_eq!(Key("short").to_string(), "…(5)");
        assert_eq!(format!("{:?}", Content("see you at ten")), "(14 characters)");
    }

    proptest! {
        #[test]
        fn no_number_is_left_whole(before in "[a-z@_ ]{0,5}", number in "[0-9]{7,15}", after in "[a-z@_ ]{0,5}") {
            let masked = Numbers(&format!("{before}{number}{after}")).to_string();
            prop_assert!(!masked.contains(&number));
            prop_assert_eq!(masked.len(), before.len() + number.len() + after.len());
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = (Numbers(&text).to_string(), Key(&text).to_string(), Content(&text).to_string());
        }
    }
}
