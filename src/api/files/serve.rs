//! A file on the wire: streamed, by ranges, with conditions (RFC 9110, sections 13 and 14) and what keeps it from running.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use crate::{
    api::problem::{Answer, Problem},
    media::StoredFile,
};

/// A file never changes under its name, and is its owner's alone. After a day caches ask whether it is still there.
const CACHING: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");
/// Nothing in it runs, whatever it is.
const NOTHING_RUNS: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
/// What RFC 8187, section 3.2.1, lets stand.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'!').remove(b'~');

/// What the request asks for of the file; None when it is gone.
pub(super) async fn serve(file: &StoredFile, method: &Method, asked: &HeaderMap) -> Answer<Option<Response>> {
    let mut answer = None;
    if let Some(conditional) = of_if_range(asked) {
        let tried = ask(file, method, conditional).await;
        // The part is of another version: the whole file is the answer.
        answer = Some(tried).filter(|tried| tried.status() != StatusCode::PRECONDITION_FAILED);
    }
    let mut response = match answer {
        Some(response) => response,
        None => {
            let mut headers = asked.clone();
            if headers.remove(header::IF_RANGE).is_some() {
                headers.remove(header::RANGE);
            }
            ask(file, method, headers).await
        }
    };
    match response.status() {
        StatusCode::NOT_FOUND => return Ok(None),
        StatusCode::PRECONDITION_FAILED => {
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "the file is another one",
            ));
        }
        StatusCode::RANGE_NOT_SATISFIABLE => return Ok(Some(unsatisfiable(&response))),
        _ => {}
    }
    describe(file, response.headers_mut());
    Ok(Some(response))
}

async fn ask(file: &StoredFile, method: &Method, headers: HeaderMap) -> Response {
    let mut inner = Request::new(Body::empty());
    *inner.method_mut() = method.clone();
    *inner.headers_mut() = headers;
    // Several ranges at once would be an answer of several parts; the whole file is allowed instead (section 14.2).
    let answer = ServeFile::new(&file.path).ignore_multi_range_requests(true).oneshot(inner).await;
    answer.unwrap_or_else(|never| match never {}).map(Body::new)
}

/// `If-Range` as the precondition that says the same, since [`ServeFile`] does not know it; None when it is not there or can
/// never hold.
fn of_if_range(asked: &HeaderMap) -> Option<HeaderMap> {
    let validator = asked.get(header::IF_RANGE).filter(|_| asked.contains_key(header::RANGE))?.clone();
    let mut headers = asked.clone();
    headers.remove(header::IF_RANGE);
    if validator.as_bytes().starts_with(b"W/") {
        return None;
    }
    let is_tag = validator.as_bytes().starts_with(b"\"");
    headers.insert(if is_tag { header::IF_MATCH } else { header::IF_UNMODIFIED_SINCE }, validator);
    Some(headers)
}

fn unsatisfiable(response: &Response) -> Response {
    let message = "the file is shorter than this range begins; see Content-Range";
    let mut problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", message).into_response();
    if let Some(range) = response.headers().get(header::CONTENT_RANGE) {
        problem.headers_mut().insert(header::CONTENT_RANGE, range.clone());
    }
    problem
}

fn describe(file: &StoredFile, headers: &mut HeaderMap) {
    // An answer without a body (304) has no type.
    if headers.contains_key(header::CONTENT_TYPE) {
        let mime = HeaderValue::from_str(&file.mime);
        let mime = mime.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        headers.insert(header::CONTENT_TYPE, mime);
    }
    headers.insert(header::CACHE_CONTROL, CACHING);
    headers.insert(header::CONTENT_SECURITY_POLICY, NOTHING_RUNS);
    if let Ok(disposition) = HeaderValue::from_str(&disposition(file)) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
}

/// How a browser takes it (RFC 6266): shown where nothing in it can run, else saved.
fn disposition(file: &StoredFile) -> String {
    let kind = file.mime.split(['/', ';']).next().unwrap_or_default();
    let is_shown = matches!(kind, "image" | "audio" | "video") && !file.mime.starts_with("image/svg");
    let name = file.file_name.as_deref().unwrap_or(file.name.as_str());
    let shown = if is_shown { "inline" } else { "attachment" };
    let plain: String = name
        .chars()
        .map(|character| match character {
            '"' | '\\' => '_',
            other if other == ' ' || other.is_ascii_graphic() => other,
            _ => '_',
        })
        .collect();
    if plain == name {
        format!("{shown}; filename=\"{plain}\"")
    } else {
        format!("{shown}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, PLAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(mime: &str, name: &str) -> StoredFile {
        StoredFile {
            name: "f.bin".parse().expect("a name"),
            path: "/nowhere".into(),
            mime: mime.to_owned(),
            file_name: Some(name.to_owned()),
            bytes: 1,
            sha256: String::new(),
        }
    }

    #[test]
    fn what_could_run_is_saved() {
        for (mime, name, expected) in [
            ("image/png", "a b.png", "inline; filename=\"a b.png\""),
            ("audio/ogg; codecs=opus", "v.oga", "inline; filename=\"v.oga\""),
            ("image/svg+xml", "a.svg", "attachment; filename=\"a.svg\""),
            ("text/html", "a.html", "attachment; filename=\"a.html\""),
            ("application/pdf", "a\"b.pdf", "attachment; filename=\"a_b.pdf\"; filename*=UTF-8''a%22b.pdf"),
            ("application/pdf", "März.pdf", "attachment; filename=\"M_rz.pdf\"; filename*=UTF-8''M%C3%A4rz.pdf"),
        ] {
            assert_eq!(disposition(&file(mime, name)), expected);
        }
    }

    proptest! {
        #[test]
        fn every_name_makes_one_header(name in "\\PC{0,60}|.{0,60}") {
            let text = disposition(&file("application/pdf", &name));
            prop_assert!(HeaderValue::from_str(&text).is_ok(), "{text}");
            let quoted = text.split("; filename*=").next().expect("a part");
            prop_assert_eq!(quoted.matches('"').count(), 2);
        }
    }
}
