//! The dashboard's cookies: who is signed in, the secret of the sign-in form, and the language. None can be read by a script; behind
//! TLS all are `Secure`, and those that open something are bound to this very host (`__Host-`).

use axum::http::{HeaderMap, HeaderName, header};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use super::sign_ins::Token;

const SESSION: &str = "drover_dashboard";
const FORM: &str = "drover_form";
const LANGUAGE: &str = "drover_language";

/// The cookies that came, and how such are made here.
pub(super) struct Cookies {
    jar: CookieJar,
    is_tls: bool,
}

impl Cookies {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { jar: CookieJar::from_headers(headers), is_tls: is_tls(headers) }
    }

    fn name(&self, name: &str) -> String {
        if self.is_tls { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.jar.get(&self.name(name)).map(Cookie::value).filter(|value| !value.is_empty())
    }

    /// The token of the one who is signed in.
    pub(super) fn session(&self) -> Option<Token> {
        self.get(SESSION).map(Token::given)
    }

    /// The secret of the sign-in form.
    pub(super) fn form(&self) -> Option<&str> {
        self.get(FORM)
    }

    /// The language that was chosen.
    pub(super) fn language(&self) -> Option<&str> {
        self.get(LANGUAGE)
    }

    /// Lax, not strict: the link in an alert's mail must find the person signed in. No GET changes anything.
    pub(super) fn set_session(&self, token: &Token) -> Cookie<'static> {
        self.cookie(SESSION, token.as_str(), SameSite::Lax)
    }

    pub(super) fn end_session(&self) -> Cookie<'static> {
        let mut cookie = self.cookie(SESSION, "", SameSite::Lax);
        cookie.make_removal();
        cookie
    }

    pub(super) fn set_form(&self, secret: &str) -> Cookie<'static> {
        self.cookie(FORM, secret, SameSite::Strict)
    }

    pub(super) fn set_language(&self, language: &str) -> Cookie<'static> {
        let mut cookie = self.cookie(LANGUAGE, language, SameSite::Lax);
        cookie.make_permanent();
        cookie
    }

    fn cookie(&self, name: &str, value: &str, same_site: SameSite) -> Cookie<'static> {
        Cookie::build((self.name(name), value.to_owned()))
            .path("/")
            .http_only(true)
            .same_site(same_site)
            .secure(self.is_tls)
            .build()
    }
}

/// Whether the browser came over TLS, which ends before drover: as the proxy says, or the browser itself (`Origin`). Nobody gains
/// by lying: it makes a cookie of one's own stricter.
fn is_tls(headers: &HeaderMap) -> bool {
    const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let proto = text(PROTO);
    if proto.is_empty() {
        return text(header::ORIGIN).starts_with("https://");
    }
    proto.split(',').next().is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(pairs: &[(&'static str, &str)]) -> Cookies {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header")));
        Cookies::of(&pairs.collect())
    }

    #[test]
    fn a_cookie_is_secure_behind_tls_and_never_for_scripts() {
        let plain = cookies(&[]).set_session(&Token::given("t")).to_string();
        assert_eq!(plain, "drover_dashboard=t; HttpOnly; SameSite=Lax; Path=/");
        for headers in [
            &[("x-forwarded-proto", "https")][..],
            &[("x-forwarded-proto", "HTTPS, http")],
            &[("origin", "https://drover.example")],
        ] {
            let secure = cookies(headers).set_session(&Token::given("t")).to_string();
            assert_eq!(secure, "__Host-drover_dashboard=t; HttpOnly; SameSite=Lax; Secure; Path=/");
            let form = cookies(headers).set_form("s").to_string();
            assert_eq!(form, "__Host-drover_form=s; HttpOnly; SameSite=Strict; Secure; Path=/");
        }
        assert!(!is_tls(&HeaderMap::from_iter([(header::ORIGIN, "http://a".parse().expect("a header"))])));
    }

    #[test]
    fn behind_tls_a_cookie_that_was_set_without_it_opens_nothing() {
        let sent = ("cookie", "drover_dashboard=t; drover_language=es");
        assert!(cookies(&[sent]).session().is_some());
        assert!(cookies(&[sent, ("x-forwarded-proto", "https")]).session().is_none());
        assert!(cookies(&[("cookie", "drover_dashboard=")]).session().is_none());
    }
}
