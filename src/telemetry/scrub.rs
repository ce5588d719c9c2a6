//! The last look at a line before it leaves: what is secret or private in it is masked, wherever it came from.
//!
//! Whoever logs masks what it knows to be private (see [`super::mask`]); this catches what came in with somebody else's text: an
//! error of a library that repeats a URL with its password, a header, a chat's id. A message's text cannot be told from any other:
//! no line holds one.

use std::borrow::Cow;

use super::mask::Numbers;

const MASK: &str = "***";
/// What a field's name may end with, without `_`, `-` and capitals, whose value is a secret.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "cookie",
    "apikey",
    "hmackey",
    "privatekey",
    "pairingcode",
    "qrpayload",
];
/// What stands before a secret in a header.
const SCHEMES: [&str; 3] = ["bearer", "basic", "digest"];
/// The parts of a field's name that say that a long number is none to call.
const COUNTS: [&str; 6] = ["bytes", "ms", "us", "ns", "seq", "id"];
/// A QR's payload is at least so long after its `2@`.
const QR_LENGTH: usize = 40;
/// A key that drover made is `drover_` and so many characters.
const KEY_LENGTH: usize = 43;

/// The line without secrets: URLs lose their user and password, fields that are named like secrets and keys their value, QR
/// payloads their content, phone numbers their middle.
#[must_use]
pub fn scrub(line: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let (mut kept, mut at) = (0, 0);
    // Whether a word may begin here.
    let mut is_start = true;
    while let Some(first) = line[at..].chars().next() {
        if let Some(after) = after_colour(line, at) {
            (at, is_start) = (after, true);
            continue;
        }
        if let Some(found) = find(line, at, is_start) {
            clean.push_str(&line[kept..found.from]);
            clean.push_str(&found.shown);
            (kept, at, is_start) = (found.to, found.to, true);
            continue;
        }
        at += first.len_utf8();
        is_start = !(first.is_ascii_alphanumeric() || first == '.');
    }
    if kept == 0 {
        return Cow::Borrowed(line);
    }
    clean.push_str(&line[kept..]);
    Cow::Owned(clean)
}

/// What is masked: a stretch of the line and what stands there instead.
struct Found {
    from: usize,
    to: usize,
    shown: String,
}

impl Found {
    fn secret(from: usize, to: usize) -> Option<Self> {
        (from < to).then(|| Self { from, to, shown: MASK.to_owned() })
    }
}

fn find(line: &str, at: usize, is_start: bool) -> Option<Found> {
    let first = *line.as_bytes().get(at)?;
    match first {
        b':' if line[at..].starts_with("://") => credentials(line, at + 3),
        b'0'..=b'9' if is_start => qr(line, at).or_else(|| number(line, at)),
        b'a'..=b'z' | b'A'..=b'Z' if is_start => key(line, at).or_else(|| named(line, at)),
        _ => None,
    }
}

/// Behind the colour of a terminal that begins here.
fn after_colour(line: &str, at: usize) -> Option<usize> {
    let rest = line[at..].strip_prefix("\x1b[")?;
    rest.find('m').map(|length| at + 2 + length + 1)
}

/// Everything up to the last `@` of what follows `://`.
fn credentials(line: &str, from: usize) -> Option<Found> {
    let ends = |c: char| c.is_whitespace() || "/?#\"'<>\\`".contains(c);
    let length = line[from..].find(ends).unwrap_or(line.len() - from);
    let at = line[from..from + length].rfind('@')?;
    Found::secret(from, from + at)
}

/// `2@...`, which links a phone to whoever shows it.
fn qr(line: &str, at: usize) -> Option<Found> {
    let digits = run(line, at, |byte| byte.is_ascii_digit());
    let payload = line[digits..].starts_with('@').then_some(digits + 1)?;
    let end = run(line, payload, |byte| byte.is_ascii_alphanumeric() || b"+/=,-_".contains(&byte));
    (end - payload >= QR_LENGTH).then(|| Found::secret(at, end)).flatten()
}

/// A phone number: what stands before the `@` of a chat, after a `+`, or is as long as one and counts nothing.
fn number(line: &str, at: usize) -> Option<Found> {
    let bytes = line.as_bytes();
    let end = run(line, at, |byte| byte.is_ascii_digit());
    let digits = &line[at..end];
    let before = at.checked_sub(1).map(|index| bytes[index]);
    let after = bytes.get(end).copied();
    let is_addressed = after == Some(b'@') || before == Some(b'+') || after == Some(b':') && is_device(line, end);
    let stands_alone = !before.is_some_and(|byte| b"_-".contains(&byte))
        && !after.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    // Times in seconds and milliseconds begin with 1 and have 10 and 13 digits; no phone number has 13 and begins with 1.
    let is_time = digits.len() == 13 && digits.starts_with('1');
    let is_long = (11..=15).contains(&digits.len()) && stands_alone && !is_time && !counts(line, at);
    let is_number = digits.len() >= 7 && is_addressed || is_long;
    is_number.then(|| Found { from: at, to: end, shown: Numbers(digits).to_string() })
}

/// `:12@`, by which WhatsApp tells the devices of an account apart.
fn is_device(line: &str, colon: usize) -> bool {
    let end = run(line, colon + 1, |byte| byte.is_ascii_digit());
    end > colon + 1 && line[end..].starts_with('@')
}

/// Whether the field before this value counts something.
fn counts(line: &str, at: usize) -> bool {
    let before = line[..at].trim_end_matches([' ', '"', '\'', '\\', ':', '=']);
    // The colours of a terminal stand between name and value.
    let before = before.trim_end_matches("\x1b[0m\x1b[2m=\x1b[0m").trim_end_matches("\x1b[0m");
    let before = before.strip_suffix("=\x1b[0m").unwrap_or(before);
    if before.len() == at {
        return false;
    }
    let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).find(|part| !part.is_empty()).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    COUNTS.iter().any(|count| name.ends_with(count))
}

/// A key that drover made.
fn key(line: &str, at: usize) -> Option<Found> {
    let from = line[at..].starts_with("drover_").then_some(at + "drover_".len())?;
    let end = run(line, from, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (end - from >= KEY_LENGTH).then(|| Found::secret(from, end)).flatten()
}

/// The value of a field that is named like a secret, and what follows `Bearer` and its like.
fn named(line: &str, at: usize) -> Option<Found> {
    let end = run(line, at, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let name: String = line[at..end].chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    if SCHEMES.contains(&name.as_str()) {
        let from = line[end..].starts_with(' ').then_some(end + 1)?;
        let to = value_end(line, from);
        return (to - from >= 8).then(|| Found::secret(from, to)).flatten();
    }
    if !SECRET_NAMES.iter().any(|secret| name.ends_with(secret)) {
        return None;
    }
    let from = value_start(line, end)?;
    let mut to = value_end(line, from);
    if SCHEMES.contains(&line[from..to].to_ascii_lowercase().as_str()) && line[to..].starts_with(' ') {
        to = value_end(line, to + 1);
    }
    Found::secret(from, to)
}

/// Behind the `:` or `=` that follows a name, and the quote and `Some(` that open its value.
fn value_start(line: &str, mut at: usize) -> Option<usize> {
    let skip =
        |at: usize, what: &str| at + (line[at..].len() - line[at..].trim_start_matches(|c| what.contains(c)).len());
    let past_colours = |mut at: usize| {
        while let Some(after) = after_colour(line, at) {
            at = after;
        }
        at
    };
    at = past_colours(skip(at, "\\\"'"));
    at = skip(at, " ");
    if !line[at..].starts_with([':', '=']) {
        return None;
    }
    at = past_colours(at + 1);
    at = skip(at, " ");
    if line[at..].starts_with("Some(") {
        at += "Some(".len();
    }
    Some(at)
}

/// Behind a value: its quotes, or what cannot be part of a word.
fn value_end(line: &str, from: usize) -> usize {
    let rest = &line[from..];
    for quote in ["\\\"", "\"", "'"] {
        let Some(inner) = rest.strip_prefix(quote) else { continue };
        let mut searched = 0;
        while let Some(found) = inner[searched..].find(quote) {
            let end = searched + found;
            // A quote behind an odd number of backslashes belongs to the value.
            let escapes = inner[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
            if escapes.is_multiple_of(2) {
                return from + quote.len() + end + quote.len();
            }
            searched = end + quote.len();
        }
        return line.len();
    }
    let ends = |c: char| c.is_whitespace() || ",;&)}]\"'\\\x1b".contains(c);
    from + rest.find(ends).unwrap_or(rest.len())
}

fn run(line: &str, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    from + line.as_bytes()[from..].iter().take_while(|byte| belongs(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_secret_is_masked() {
        for (line, expected) in [
            ("redis://:geheim@host:6379/1 is down", "redis://***@host:6379/1 is down"),
            ("smtp://ana:ge:h@im@mail.example.com:587", "smtp://***@mail.example.com:587"),
            (r#"{"password":"ge\"heim","user":"ana"}"#, r#"{"password":***,"user":"ana"}"#),
            (r#"body {\"hmacKey\":\"geheim\"}"#, r#"body {\"hmacKey\":***}"#),
            ("proxy_password=geheim next=1", "proxy_password=*** next=1"),
            ("accessToken: geheim, more", "accessToken: ***, more"),
            ("Proxy { password: Some(\"geheim\") }", "Proxy { password: Some(***) }"),
            ("authorization: Bearer abcdefghij.k", "authorization: ***"),
            ("it sent Bearer abcdefghij.k to us", "it sent Bearer *** to us"),
            ("set-cookie: session=abc; Path=/", "set-cookie: ***; Path=/"),
            ("GET /x?token=abc&page=2", "GET /x?token=***&page=2"),
            ("X-Api-Key: drover_AAAA", "X-Api-Key: ***"),
            (
                "\x1b[3mpassword\x1b[0m\x1b[2m=\x1b[0mgeheim \x1b[3mn",
                "\x1b[3mpassword\x1b[0m\x1b[2m=\x1b[0m*** \x1b[3mn",
            ),
            ("to 15551234567@c.us", "to 155******67@c.us"),
            ("true_15551234567@c.us_3EB0A1B2C3", "true_155******67@c.us_3EB0A1B2C3"),
            ("as 15551234567:12@c.us", "as 155******67:12@c.us"),
            ("call +4915112345678 now", "call +491********78 now"),
            ("the number 4915112345678 is unknown", "the number 491********78 is unknown"),
            ("120363041234567890@g.us", "120*************90@g.us"),
        ] {
            assert_eq!(scrub(line), expected);
        }
        let key = format!("drover_{}", "Ab3-".repeat(11));
        assert_eq!(scrub(&format!("key {} end", &key[..50])), "key drover_*** end");
        let qr = format!("2@{},{}=", "aB3/".repeat(20), "x+".repeat(20));
        assert_eq!(scrub(&format!("shows {qr}, look")), "shows *** look");
    }

    #[test]
    fn what_is_none_stays() {
        for line in [
            "the session's state changed from=loading to=ready",
            "at_ms=1764378343000 took_ms=31 free_bytes=53687091200 bytes: 53687091200",
            "2026-11-29T01:06:15.123456Z  INFO it listens on http://127.0.0.1:3000",
            "http.api_key is *** (environment variable DROVER_API_KEY)",
            "request_id=req_0123456789abcdef01234567 status=200",
            "drover_session_recovery_seconds is measured",
            "three tokens and a secret garden",
            "año 2026 → \u{1f600}",
        ] {
            assert_eq!(scrub(line), line);
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "(\\PC|password=|://|@|\"|\\\\|2@|[0-9]{7}){0,40}") {
            // What was masked once is not masked away: a line that came through twice is as long as one that came through once.
            let once = scrub(&line).into_owned();
            prop_assert!(scrub(&once).len() <= once.len().max(3));
        }

        #[test]
        fn no_named_secret_is_left(
            name in "(smtp_|proxy|X-)?(password|Token|SECRET|api[-_]key|Authorization|cookie)",
            joint in "(=|: |\": \"|\\\\\":\\\\\")",
            secret in "[A-Za-z0-9!$%+./-]{8,30}",
        ) {
            let line = format!("before {name}{joint}{secret}");
            prop_assert!(!scrub(&line).contains(&secret));
        }

        #[test]
        fn no_number_of_a_chat_is_left(number in "[1-9][0-9]{7,14}", host in "(c\\.us|lid|s\\.whatsapp\\.net)") {
            let line = format!("chat={number}@{host}");
            prop_assert!(!scrub(&line).contains(&number));
        }
    }
}
