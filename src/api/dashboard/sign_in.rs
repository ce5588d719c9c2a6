//! `GET|POST /dashboard/sign-in`, `POST /dashboard/sign-out`, `POST /dashboard/language`

use axum::http::header::SET_COOKIE;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{AppendHeaders, Html, IntoResponse, Redirect, Response},
};
use minijinja::context;
use tracing::{info, warn};

use super::{
    Desk,
    cookies::Cookies,
    forgery,
    language::Language,
    outcome::Refusal,
    sign_ins::Token,
    visitor::{Form, OpenForm, Visitor, local_path, referring_path},
};
use crate::api::{input::Params, problem::Problem};

type Shown = Result<Response, Refusal>;

/// The form that asks for a key. Whoever is signed in goes on.
pub(super) async fn page(
    State(desk): State<Desk>,
    visitor: Result<Visitor, Refusal>,
    params: Params,
    headers: HeaderMap,
) -> Shown {
    let next = local_path(params.text("next"));
    match visitor {
        Ok(_) => Ok(Redirect::to(next).into_response()),
        Err(Refusal::Problem(problem)) => Err(problem.into()),
        Err(_) => form(&desk, &headers, next, StatusCode::OK),
    }
}

/// Draws the form. Its cookie is made once, so that two tabs do not take it from each other.
fn form(desk: &Desk, headers: &HeaderMap, next: &str, status: StatusCode) -> Shown {
    let cookies = Cookies::of(headers);
    let secret = cookies.form().map_or_else(|| Token::make().as_str().to_owned(), str::to_owned);
    let values = context! {
        csrf => forgery::token(&forgery::secret_of(&secret)),
        next,
        is_wrong => status == StatusCode::UNAUTHORIZED,
    };
    let page = desk.draw("sign_in.html", Language::wanted(headers, &cookies), values)?;
    let cookie = AppendHeaders([(SET_COOKIE, cookies.set_form(&secret).to_string())]);
    Ok((status, cookie, Html(page)).into_response())
}

/// Lets the holder of a key in. The key goes no further: what is kept is who it was.
pub(super) async fn sign_in(State(desk): State<Desk>, form: OpenForm) -> Shown {
    let OpenForm { address, headers, fields } = form;
    let next = local_path(fields.text("next"));
    let limiter = &desk.parts.limiter;
    let attempt = limiter.sign_in(address).await.inspect_err(|_| {
        warn!(%address, "the dashboard refuses an address that tried too many wrong keys");
    })?;
    let found = match fields.text("key") {
        Some(key) => desk.parts.rooms.keys.find(key.as_bytes()).await.map_err(Problem::from)?,
        None => None,
    };
    let Some(key) = found else {
        warn!("somebody tried to sign in to the dashboard with a key that is wrong or revoked");
        return self::form(&desk, &headers, next, StatusCode::UNAUTHORIZED);
    };
    limiter.forgive(&attempt).await;
    let token = desk.sign_ins().open(&key);
    info!(key.id = %key.id, "somebody signed in to the dashboard");
    let cookie = AppendHeaders([(SET_COOKIE, Cookies::of(&headers).set_session(&token).to_string())]);
    Ok((cookie, Redirect::to(next)).into_response())
}

/// Ends a sign-in.
pub(super) async fn sign_out(State(desk): State<Desk>, form: Form) -> Shown {
    desk.sign_ins().close(&form.visitor.token);
    info!(key.id = form.visitor.principal().key_id(), "somebody signed out of the dashboard");
    let cookie = AppendHeaders([(SET_COOKIE, Cookies::of(&form.headers).end_session().to_string())]);
    Ok((cookie, Redirect::to("/dashboard/sign-in")).into_response())
}

/// Chooses the language, and goes back to where the person was.
pub(super) async fn language(form: OpenForm) -> Shown {
    let language = form.fields.text("language").and_then(Language::of_tag).unwrap_or(Language::English);
    let back_to = referring_path(&form.headers).unwrap_or_else(|| "/dashboard".to_owned());
    let cookie = Cookies::of(&form.headers).set_language(language.tag()).to_string();
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(&back_to)).into_response())
}
