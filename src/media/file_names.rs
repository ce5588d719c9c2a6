//! Names: the one that a file has on the disk and in a URL, and the one that people see.

use std::{fmt, str::FromStr};

use crate::model::InvalidId;

/// The longest name on the disk, in bytes; file systems take 255.
const LONGEST: usize = 200;
/// The longest name that people see, in bytes.
const LONGEST_SHOWN: usize = 240;

/// The name of a kept file: `[A-Za-z0-9][A-Za-z0-9._@=-]{0,199}`, so it leads out of no folder, is hidden in none, and needs
/// no escaping in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName(String);

impl FileName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name made of an id, with the extension of a type. Other characters become `_`.
    pub(super) fn made_of(id: &str, mime: &str) -> Self {
        let mut name: String = id.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            name.insert(0, 'f');
        }
        let extension = extension(mime);
        name.truncate(LONGEST - 1 - extension.len());
        Self(format!("{name}.{extension}"))
    }
}

impl FromStr for FileName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if starts_well && text.len() <= LONGEST && text.chars().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId(format!("a file's name has 1 to {LONGEST} letters, digits and ._@=-")))
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._@=-".contains(character)
}

/// The usual extension of a type, at most eight letters and digits.
pub(super) fn extension(mime: &str) -> &'static str {
    let essence = mime.split(';').next().unwrap_or_default().trim();
    // The lists of mime_guess are alphabetical: `jpe` comes before `jpeg`.
    match essence {
        "image/jpeg" => "jpeg",
        "video/mp4" => "mp4",
        "video/3gpp" => "3gp",
        "video/quicktime" => "mov",
        // WAHA's name for a voice message.
        "audio/ogg" => "oga",
        "audio/mpeg" => "mp3",
        "audio/mp4" => "m4a",
        "text/plain" => "txt",
        "text/html" => "html",
        "application/octet-stream" => "bin",
        "application/msword" => "doc",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.ms-powerpoint" => "ppt",
        other => {
            let known = mime_guess::get_mime_extensions_str(other).unwrap_or_default();
            let is_short =
                |text: &&&str| (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            known.iter().find(is_short).copied().unwrap_or("bin")
        }
    }
}

/// A name as people may see it: its last segment, without control characters and without those that turn the direction of
/// writing, by which `gpj.exe` is shown as `exe.jpg`. None when nothing is left.
pub(super) fn shown(text: &str) -> Option<String> {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|character| !character.is_control() && !turns(*character)).collect();
    if name.len() > LONGEST_SHOWN {
        // The extension is what programs go by.
        let ending = name.rfind('.').filter(|dot| name.len() - dot <= 16).map(|dot| name.split_off(dot));
        let ending = ending.unwrap_or_default();
        let mut cut = LONGEST_SHOWN.saturating_sub(ending.len()).min(name.len());
        while !name.is_char_boundary(cut) {
            cut -= 1;
        }
        name.truncate(cut);
        name.push_str(&ending);
    }
    let name = name.trim();
    (!name.trim_matches('.').is_empty()).then(|| name.to_owned())
}

/// Unicode's bidirectional formatting characters (UAX #9, section 2).
fn turns(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for name in
            ["", ".", "..", ".hidden", "../x", "a/b", "a\\b", "a b", "ä", "a\0", "%2e%2e", "-x", &"a".repeat(201)]
        {
            assert!(name.parse::<FileName>().is_err(), "{name:?} was taken");
        }
        for name in ["a", "true_15551234567@c.us_3EB0A1.jpeg", "0.bin", "a..b", &"a".repeat(200)] {
            assert!(name.parse::<FileName>().is_ok(), "{name:?} was refused");
        }
    }

    #[test]
    fn a_type_has_its_usual_extension() {
        for (mime, expected) in [
            ("image/jpeg", "jpeg"),
            ("audio/ogg; codecs=opus", "oga"),
            ("application/pdf", "pdf"),
            ("image/webp", "webp"),
            ("application/x-of-our-own", "bin"),
            ("", "bin"),
        ] {
            assert_eq!(extension(mime), expected, "{mime}");
        }
    }

    #[test]
    fn a_shown_name_is_the_last_segment_without_tricks() {
        for (text, expected) in [
            ("invoice.pdf", Some("invoice.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\a\\photo.jpg", Some("photo.jpg")),
            ("exe\u{202e}gpj.pdf", Some("exegpj.pdf")),
            ("a\r\nb: c", Some("ab: c")),
            ("rechnung für März.pdf", Some("rechnung für März.pdf")),
            ("..", None),
            ("  ", None),
            ("", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text:?}");
        }
        let long = shown(&format!("{}.pdf", "ä".repeat(300))).expect("a name");
        assert!(long.len() <= LONGEST_SHOWN && long.ends_with("ä.pdf"), "{long}");
    }

    proptest! {
        #[test]
        fn a_name_stays_in_its_folder(text in ".*") {
            if let Ok(name) = text.parse::<FileName>() {
                let parts: Vec<_> = Path::new(name.as_str()).components().collect();
                prop_assert!(matches!(parts[..], [Component::Normal(_)]), "{:?}", parts);
            }
        }

        #[test]
        fn every_id_makes_a_name(id in ".{0,300}", mime in "[ -~]{0,40}") {
            let made = FileName::made_of(&id, &mime);
            prop_assert_eq!(made.as_str().parse::<FileName>(), Ok(made.clone()));
        }

        #[test]
        fn a_shown_name_has_no_path_and_is_short(text in "(\\PC|[/\\\\.\r\n]){0,400}") {
            if let Some(name) = shown(&text) {
                prop_assert!(name.len() <= LONGEST_SHOWN && !name.contains(['/', '\\', '\r', '\n']) && name != "..");
            }
        }
    }
}
