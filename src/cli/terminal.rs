//! What stdout is: how wide, and whether it takes colours. Colours are for a terminal alone, and not where `NO_COLOR` is set
//! (no-color.org); a table is cut for a terminal alone, so that a program reads every cell whole.

use std::io::{self, IsTerminal};

/// What a piece of text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// A heading.
    Heading,
    /// As it should be.
    Good,
    /// Somebody should look, or it is on its way.
    Uneasy,
    /// Broken.
    Bad,
    /// At rest.
    Quiet,
}

impl Tone {
    /// The tone of a word that says how something stands.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "WORKING" | "ok" | "open" | "applied" | "active" => Self::Good,
            "STARTING" | "SCAN_QR_CODE" | "warn" | "paused" | "pending" => Self::Uneasy,
            "FAILED" | "fail" | "revoked" => Self::Bad,
            "STOPPED" => Self::Quiet,
            _ => return None,
        })
    }

    /// The text in this tone (ECMA-48 SGR), where stdout takes colours.
    pub(super) fn paint(self, text: &str) -> String {
        if takes_colours() { self.coloured(text) } else { text.to_owned() }
    }

    /// The text in this tone.
    pub(super) fn coloured(self, text: &str) -> String {
        let code = match self {
            Self::Heading => "1",
            Self::Good => "32",
            Self::Uneasy => "33",
            Self::Bad => "31",
            Self::Quiet => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Whether stdout is a terminal that takes colours.
pub(super) fn takes_colours() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !is_refused && !is_dumb
}

/// The columns of the terminal that stdout is; None when it is none.
pub(super) fn columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| width.0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_its_tone() {
        assert_eq!(Tone::of("WORKING"), Some(Tone::Good));
        assert_eq!(Tone::of("FAILED"), Some(Tone::Bad));
        assert_eq!(Tone::of("shop"), None);
        assert_eq!(Tone::Bad.coloured("fail"), "\x1b[31mfail\x1b[0m");
    }

    #[test]
    fn what_is_no_terminal_gets_plain_text() {
        // Under a test runner stdout is a pipe or a file.
        if columns().is_none() {
            assert_eq!(Tone::Bad.paint("fail"), "fail");
        }
    }
}
