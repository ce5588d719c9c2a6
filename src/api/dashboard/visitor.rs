//! Who looks at the dashboard: read off a request before a page is drawn or a form is followed.

use std::net::{IpAddr, Ipv6Addr};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, header, request::Parts as Head},
};

use super::{
    Desk,
    cookies::Cookies,
    fields::Fields,
    forgery,
    language::Language,
    outcome::Refusal,
    sign_ins::{SignedIn, Token},
};
use crate::api::{
    address::ClientAddress,
    auth::{Action, Principal},
    input::wants_json,
    problem::{Answer, Problem},
};
use crate::model::SessionName;

/// Somebody who is signed in.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) token: Token,
    pub(super) signed_in: SignedIn,
    pub(super) language: Language,
}

impl Visitor {
    pub(super) fn principal(&self) -> &Principal {
        &self.signed_in.principal
    }

    /// Whether they may do something with a session.
    pub(super) fn may(&self, action: Action, session: &SessionName) -> bool {
        self.principal().may(action, session)
    }

    /// Whether they may do something with every session.
    pub(super) fn may_on_all(&self, action: Action) -> bool {
        self.principal().require_on_all(action).is_ok()
    }

    /// Who it is that sent these headers.
    async fn of(headers: &HeaderMap, desk: &Desk) -> Answer<Option<Self>> {
        let cookies = Cookies::of(headers);
        let Some(token) = cookies.session() else { return Ok(None) };
        let signed_in = desk.sign_ins().find(&token).await?;
        let language = Language::wanted(headers, &cookies);
        Ok(signed_in.map(|signed_in| Self { token, signed_in, language }))
    }
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Head, desk: &Desk) -> Result<Self, Refusal> {
        let found = Self::of(&head.headers, desk).await?;
        found.ok_or_else(|| {
            if wants_json(&head.headers) {
                return Refusal::SignedOut;
            }
            let path = head.uri.path_and_query().filter(|_| head.method == Method::GET).map(|path| path.as_str());
            Refusal::SignIn { back_to: local_path(path).to_owned() }
        })
    }
}

/// A form that somebody who is signed in sent from a page of ours.
pub(super) struct Form {
    pub(super) visitor: Visitor,
    pub(super) headers: HeaderMap,
    pub(super) fields: Fields,
}

impl FromRequest<Desk> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, Refusal> {
        let (mut head, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut head, desk).await?;
        let headers = head.headers.clone();
        let fields = Fields::read(Request::from_parts(head, body)).await?;
        forgery::refuse_foreign(&headers, &visitor.signed_in.forms, fields.text("csrf"))?;
        Ok(Self { visitor, headers, fields })
    }
}

/// A form that anybody may send from a page of ours, signed in or not.
pub(super) struct OpenForm {
    /// Whom it comes from.
    pub(super) address: IpAddr,
    pub(super) headers: HeaderMap,
    pub(super) fields: Fields,
}

impl FromRequest<Desk> for OpenForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        // Every connection has one; the router's own requests do not come here.
        let address = request.extensions().get().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ClientAddress(it)| *it);
        let fields = Fields::read(request).await?;
        let secret = match Visitor::of(&headers, desk).await? {
            Some(visitor) => Some(visitor.signed_in.forms),
            None => Cookies::of(&headers).form().map(forgery::secret_of),
        };
        let secret = secret.ok_or_else(|| {
            let why = "this form is out of date, or the browser keeps no cookies; load the page again";
            Problem::new(StatusCode::FORBIDDEN, "stale_form", why)
        })?;
        forgery::refuse_foreign(&headers, &secret, fields.text("csrf"))?;
        Ok(Self { address, headers, fields })
    }
}

/// Where to go on after a form: a page of ours, never another site.
pub(super) fn local_path(text: Option<&str>) -> &str {
    let is_ours = |path: &&str| {
        (*path == "/dashboard" || path.starts_with("/dashboard/") || path.starts_with("/dashboard?"))
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    text.filter(is_ours).unwrap_or("/dashboard")
}

/// The header that says which page a form was on, as a path of ours.
pub(super) fn referring_path(headers: &HeaderMap) -> Option<String> {
    let referer = headers.get(header::REFERER)?.to_str().ok()?;
    let (_, rest) = referer.split_once("://")?;
    let path = rest.get(rest.find('/')?..)?;
    Some(local_path(Some(path)).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for path in ["/dashboard", "/dashboard/sessions/main", "/dashboard?q=a&page=2"] {
            assert_eq!(local_path(Some(path)), path);
        }
        for path in
            ["//evil.example", "https://evil.example", "/dashboardx", "/dashboard/\\evil", "/dashboard\r\nX: y", ""]
        {
            assert_eq!(local_path(Some(path)), "/dashboard", "{path:?}");
        }
        let headers = |text: &str| HeaderMap::from_iter([(header::REFERER, text.parse().expect("a header"))]);
        assert_eq!(referring_path(&headers("http://a:1/dashboard/queue")).as_deref(), Some("/dashboard/queue"));
        assert_eq!(referring_path(&headers("http://a:1/elsewhere")).as_deref(), Some("/dashboard"));
    }
}
