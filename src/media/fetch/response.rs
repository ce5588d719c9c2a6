//! What an answer's headers say. Pure.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::{
    StatusCode, Url,
    header::{
        CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
        LAST_MODIFIED, RETRY_AFTER,
    },
};

use crate::media::FetchError;

/// By what a server knows a version of a file (RFC 9110, section 13.1.5): only what is strong may join parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validator(HeaderValue);

impl Validator {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let etag = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\"") && tag.len() > 2);
        etag.or_else(|| headers.get(LAST_MODIFIED)).cloned().map(Self)
    }

    /// For `If-Range`.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// The error that a status means.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, host: &str) -> FetchError {
    let host = host.to_owned();
    match status.as_u16() {
        404 | 410 => FetchError::NotFound(format!("{host} answered {}", status.as_u16())),
        408 | 425 | 429 | 500.. => {
            let seconds = text(headers, &RETRY_AFTER).and_then(|text| text.trim().parse().ok());
            FetchError::ServerError { host, status: status.as_u16(), retry_after: seconds.map(Duration::from_secs) }
        }
        // One that could be followed was.
        status @ 300..400 => {
            FetchError::Refused { host, reason: format!("it redirects ({status}) to where drover does not go") }
        }
        other => FetchError::Refused { host, reason: format!("it answered {other}") },
    }
}

/// `bytes <first>-<last>/<total or *>`: the first byte, and the total where it is known.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, total.trim().parse().ok()))
}

/// `bytes */<total>`, which goes with 416.
pub(super) fn unsatisfied_total(headers: &HeaderMap) -> Option<u64> {
    text(headers, &CONTENT_RANGE)?.strip_prefix("bytes */")?.trim().parse().ok()
}

/// The encoding that was not asked for.
pub(super) fn encoding(headers: &HeaderMap) -> Option<&str> {
    text(headers, &CONTENT_ENCODING).filter(|encoding| !encoding.trim().eq_ignore_ascii_case("identity"))
}

/// The type.
pub(super) fn mime(headers: &HeaderMap) -> Option<String> {
    text(headers, &CONTENT_TYPE).map(str::to_owned)
}

/// The name: the one that the server gives (RFC 6266, section 4.3), else the last segment of the path.
pub(super) fn file_name(headers: &HeaderMap, url: &Url) -> Option<String> {
    let given =
        headers.get(CONTENT_DISPOSITION).and_then(|value| of_disposition(&String::from_utf8_lossy(value.as_bytes())));
    given.or_else(|| {
        let last = url.path_segments()?.next_back().filter(|last| !last.is_empty())?;
        Some(percent_decode_str(last).decode_utf8_lossy().into_owned())
    })
}

fn of_disposition(value: &str) -> Option<String> {
    let parameters: Vec<(String, String)> = parameters(value);
    let find = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let extended = find("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, encoded) = rest.split_once('\'')?;
        let is_utf8 = charset.eq_ignore_ascii_case("utf-8");
        is_utf8.then(|| percent_decode_str(encoded).decode_utf8_lossy().into_owned())
    });
    extended.or_else(|| find("filename").map(str::to_owned)).filter(|name| !name.is_empty())
}

/// `type; name=value; name="quoted; value"`, without the type.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches(|character: char| character == ';' || character.is_whitespace());
        let (value, left) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, left) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), left)
            }
        };
        found.push((name.to_ascii_lowercase(), value));
        rest = left;
    }
    found
}

fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return (value, &text[index + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header"))])
    }

    #[test]
    fn only_what_is_strong_joins_parts() {
        for (name, value, is_one) in [
            (ETAG, "\"abc\"", true),
            (ETAG, "W/\"abc\"", false),
            (ETAG, "\"\"", false),
            (LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT", true),
        ] {
            assert_eq!(Validator::of(&headers(name, value)).is_some(), is_one, "{value}");
        }
    }

    #[test]
    fn a_range_is_read() {
        for (value, range) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes 9-5/10", None),
            ("bytes */10", None),
            ("items 5-9/10", None),
            ("bytes 5-", None),
        ] {
            assert_eq!(content_range(&headers(CONTENT_RANGE, value)), range, "{value}");
        }
        assert_eq!(unsatisfied_total(&headers(CONTENT_RANGE, "bytes */10")), Some(10));
        assert_eq!(unsatisfied_total(&headers(CONTENT_RANGE, "bytes 0-9/10")), None);
    }

    #[test]
    fn a_name_is_the_servers_or_the_paths() {
        let url = |path: &str| format!("https://example.org{path}").parse().expect("a URL");
        for (disposition, name) in [
            ("attachment; filename=\"a; b.pdf\"", "a; b.pdf"),
            ("attachment; filename=plain.pdf", "plain.pdf"),
            ("inline; filename=\"x\\\"y.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf", "résumé.pdf"),
            ("attachment; FileName*=iso-8859-1''x.pdf; filename=y.pdf", "y.pdf"),
            ("attachment", "photo 1.jpg"),
            ("", "photo 1.jpg"),
        ] {
            let found = file_name(&headers(CONTENT_DISPOSITION, disposition), &url("/a/photo%201.jpg?token=x"));
            assert_eq!(found.as_deref(), Some(name), "{disposition}");
        }
        assert_eq!(file_name(&HeaderMap::new(), &url("/a/")), None);
    }

    #[test]
    fn a_status_is_for_good_or_not() {
        for (status, code, again) in [
            (404, "media_not_found", false),
            (410, "media_not_found", false),
            (401, "media_refused", false),
            (403, "media_refused", false),
            (206, "media_refused", false),
            (302, "media_refused", false),
            (429, "media_server_error", true),
            (500, "media_server_error", true),
            (503, "media_server_error", true),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let error = failure(status, &headers(RETRY_AFTER, "7"), "host:443");
            assert_eq!((error.code(), error.is_worth_retry()), (code, again), "{status}");
            assert_eq!(error.retry_after(), again.then_some(Duration::from_secs(7)), "{status}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(value in "[ -~]{0,80}") {
            if let Ok(value) = value.parse::<HeaderValue>() {
                let headers: HeaderMap =
                    [CONTENT_RANGE, CONTENT_DISPOSITION, ETAG, RETRY_AFTER].map(|name| (name, value.clone())).into_iter().collect();
                let url = "https://example.org/".parse().expect("a URL");
                let _ = (content_range(&headers), unsatisfied_total(&headers), file_name(&headers, &url));
            }
        }
    }
}
