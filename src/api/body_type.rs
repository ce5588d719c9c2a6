//! Which bodies are read as JSON: 415 where a body cannot be understood because of its type.
//!
//! WAHA reads what is called JSON and leaves everything else out. Here a body that is called nothing in particular (no type, plain text,
//! bytes, or a form, as curl calls it by itself) is read as well, as long as it is a JSON object; and one that is empty counts as `{}`,
//! whatever it is called.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::{Answer, Problem};

/// What clients say that were told nothing.
const SAYS_NOTHING: [&str; 4] = ["", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded"];

/// What a request calls its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyType {
    /// JSON.
    Json,
    /// Nothing in particular, by this name.
    Unsaid(String),
    /// Something else, or written or packed in a way that is not read.
    Foreign(String),
}

impl BodyType {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
        if let Some(packed) = text(header::CONTENT_ENCODING).filter(|packed| packed != "identity") {
            return Self::Foreign(format!("packed by {packed}"));
        }
        let given = text(header::CONTENT_TYPE).unwrap_or_default();
        let mut parts = given.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|charset| charset.trim_matches('"'));
        let is_unicode = charset.is_none_or(|charset| matches!(charset, "utf-8" | "utf8" | "us-ascii"));
        match name {
            _ if !is_unicode => Self::Foreign(given),
            "application/json" | "text/json" => Self::Json,
            name if name.starts_with("application/") && name.ends_with("+json") => Self::Json,
            name if SAYS_NOTHING.contains(&name) => Self::Unsaid(name.to_owned()),
            _ => Self::Foreign(name.to_owned()),
        }
    }

    /// Whether a body of this type may be read as JSON that begins with this byte, whitespace aside; None: it is empty.
    ///
    /// # Errors
    /// 415.
    pub(super) fn require_json(&self, first: Option<u8>) -> Answer<()> {
        match (self, first) {
            (_, None) | (Self::Json, _) | (Self::Unsaid(_), Some(b'{')) => Ok(()),
            (Self::Unsaid(name) | Self::Foreign(name), _) => Err(unsupported(name)),
        }
    }

    /// Whether it is packed, or written in an alphabet, so that nothing but its bytes is understood.
    ///
    /// # Errors
    /// 415.
    pub(super) fn require_plain_bytes(headers: &HeaderMap) -> Answer<()> {
        match headers.get(header::CONTENT_ENCODING).map(|packed| packed.to_str().unwrap_or("?")) {
            None | Some("identity") => Ok(()),
            Some(packed) => Err(unsupported(&format!("packed by {packed}"))),
        }
    }
}

fn unsupported(name: &str) -> Problem {
    let what =
        if name.is_empty() { "called nothing, and it is no JSON object".to_owned() } else { format!("'{name}'") };
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("this body is {what}: send JSON in UTF-8, unpacked, with the header Content-Type: application/json"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &str, first: Option<u8>) -> u16 {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, kind.parse().expect("a header"));
        }
        BodyType::of(&headers).require_json(first).map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn json_is_read_whatever_it_is_called_unless_it_is_called_something_else() {
        for kind in ["application/json", "Application/JSON; charset=UTF-8", "text/json", "application/merge-patch+json"]
        {
            assert_eq!(
                (answer(kind, Some(b'{')), answer(kind, Some(b'<')), answer(kind, None)),
                (200, 200, 200),
                "{kind}"
            );
        }
        for kind in ["", "text/plain;charset=utf-8", "application/x-www-form-urlencoded", "application/octet-stream"] {
            assert_eq!(
                (answer(kind, Some(b'{')), answer(kind, Some(b's')), answer(kind, None)),
                (200, 415, 200),
                "{kind}"
            );
        }
        for kind in [
            "application/xml",
            "multipart/form-data; boundary=x",
            "image/png",
            "application/json; charset=utf-16",
            "text/html",
        ] {
            assert_eq!((answer(kind, Some(b'{')), answer(kind, None)), (415, 200), "{kind}");
        }
    }

    #[test]
    fn what_is_packed_is_not_read() {
        let packed = HeaderMap::from_iter([(header::CONTENT_ENCODING, "gzip".parse().expect("a header"))]);
        assert_eq!(BodyType::of(&packed).require_json(Some(0x1f)).expect_err("packed").status(), 415);
        assert_eq!(BodyType::require_plain_bytes(&packed).expect_err("packed").status(), 415);
        let plain = HeaderMap::from_iter([(header::CONTENT_ENCODING, "identity".parse().expect("a header"))]);
        assert!(BodyType::require_plain_bytes(&plain).is_ok() && BodyType::of(&plain).require_json(Some(b'{')).is_ok());
    }
}
