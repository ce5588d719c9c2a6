//! Whether a form comes from a page of ours: a token that only such a page can hold, and where the browser says that it comes from.
//!
//! A token is drawn anew for every page (a random pad, and the secret under it), so that a compressed answer tells nothing of the
//! secret to whoever can make it contain guesses.

use axum::http::{HeaderMap, HeaderName, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::RngExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::api::problem::{Answer, Problem};

/// The bytes of a secret.
const SIZE: usize = 32;

/// The token of a page's forms.
pub(super) fn token(secret: &[u8; SIZE]) -> String {
    let pad: [u8; SIZE] = rand::rng().random();
    let mut bytes = pad.to_vec();
    bytes.extend(pad.iter().zip(secret).map(|(pad, secret)| pad ^ secret));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The secret of the forms of somebody who is not signed in yet: what their cookie says, hashed.
pub(super) fn secret_of(cookie: &str) -> [u8; SIZE] {
    Sha256::digest(cookie.as_bytes()).into()
}

/// Refuses a form that no page of ours made.
pub(super) fn refuse_foreign(headers: &HeaderMap, secret: &[u8; SIZE], token: Option<&str>) -> Answer<()> {
    if !is_from_here(headers) {
        let why = "this form comes from another site; open the dashboard itself and try again";
        return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "foreign_form", why));
    }
    if !token.is_some_and(|token| is_right(secret, token)) {
        let why = "this form is out of date; load the page again and repeat what you did";
        return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "stale_form", why));
    }
    Ok(())
}

fn is_right(secret: &[u8; SIZE], token: &str) -> bool {
    let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(token) else { return false };
    if bytes.len() != 2 * SIZE {
        return false;
    }
    let (pad, masked) = bytes.split_at(SIZE);
    let unmasked: Vec<u8> = pad.iter().zip(masked).map(|(pad, masked)| pad ^ masked).collect();
    bool::from(unmasked.ct_eq(secret))
}

/// What the browser says of where the form was: `Sec-Fetch-Site` where it sends that (it cannot be set by a page), else `Origin`
/// beside `Host`. Clients that say neither are no browsers of these days, and need the token anyway.
fn is_from_here(headers: &HeaderMap) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(SITE) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some_and(|host| text(header::HOST).is_some_and(|own| own.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header"))).collect()
    }

    #[test]
    fn a_token_is_another_each_time_and_opens_its_own_secret_only() {
        let (one, other) = ([7; SIZE], [8; SIZE]);
        assert_ne!(token(&one), token(&one));
        assert!(is_right(&one, &token(&one)));
        for wrong in [token(&other), String::new(), "AAAA".to_owned(), "?".to_owned(), token(&one) + "AA"] {
            assert!(!is_right(&one, &wrong), "{wrong}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let secret = [1; SIZE];
        let right = token(&secret);
        for ours in [
            headers(&[("sec-fetch-site", "same-origin"), ("origin", "https://public.example"), ("host", "inner:3000")]),
            headers(&[("origin", "http://localhost:3000"), ("host", "localhost:3000")]),
            headers(&[("host", "localhost:3000")]),
        ] {
            assert!(refuse_foreign(&ours, &secret, Some(&right)).is_ok(), "{ours:?}");
            assert_eq!(refuse_foreign(&ours, &secret, None).expect_err("no token").code(), "stale_form");
        }
        for foreign in [
            headers(&[("sec-fetch-site", "cross-site")]),
            headers(&[
                ("sec-fetch-site", "same-site"),
                ("origin", "http://localhost:3000"),
                ("host", "localhost:3000"),
            ]),
            headers(&[("origin", "http://evil.example"), ("host", "localhost:3000")]),
            headers(&[("origin", "null"), ("host", "localhost:3000")]),
            headers(&[("origin", "http://localhost:3000")]),
        ] {
            let refused = refuse_foreign(&foreign, &secret, Some(&right)).expect_err("foreign");
            assert_eq!((refused.status().as_u16(), refused.code()), (403, "foreign_form"), "{foreign:?}");
        }
    }
}
