//! How a form, or a page that cannot be shown, is answered: as JSON for the script, which shows it in place, and as a page of its own
//! for a browser without it.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use minijinja::context;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{Desk, cookies::Cookies, language::Language, page::Frame, visitor::referring_path};
use crate::api::{input::wants_json, problem::Problem};

/// Why a page is not shown, or a form not followed.
pub(super) enum Refusal {
    /// Nobody is signed in: they may, and come back.
    SignIn {
        /// The page that they wanted.
        back_to: String,
    },
    /// The same, told to the script.
    SignedOut,
    /// Anything else.
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn { back_to } => {
                let next = utf8_percent_encode(&back_to, NON_ALPHANUMERIC);
                Redirect::to(&format!("/dashboard/sign-in?next={next}")).into_response()
            }
            Self::SignedOut => (StatusCode::UNAUTHORIZED, Json(json!({ "signedOut": true }))).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// What became of a form.
pub(super) struct Done {
    /// What happened, in the person's language.
    pub(super) message: String,
    /// Something to read off, such as a pairing code.
    pub(super) code: Option<String>,
    /// The page to go to.
    pub(super) go: Option<String>,
}

impl Done {
    /// Something that the catalogue has words for.
    pub(super) fn said(language: Language, key: &str, places: &[(&str, &str)]) -> Self {
        Self { message: language.say(key, places).unwrap_or_default(), code: None, go: None }
    }

    /// The answer to a form.
    pub(super) fn answer(self, desk: &Desk, headers: &HeaderMap, language: Language) -> Result<Response, Problem> {
        if wants_json(headers) {
            return Ok(Json(json!({ "message": self.message, "code": self.code, "go": self.go })).into_response());
        }
        if let Some(go) = &self.go {
            return Ok(Redirect::to(go).into_response());
        }
        let values = context! {
            is_good => true,
            message => self.message,
            code => self.code,
            back_to => referring_path(headers).unwrap_or_else(|| "/dashboard".to_owned()),
        };
        Ok(Html(desk.draw("outcome.html", language, values)?).into_response())
    }
}

/// Shows a problem to people: in their language, where the catalogue knows its code.
pub(super) async fn of_problems(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let response = next.run(request).await;
    let Some(problem) = problem_of(&response) else { return response };
    let language = Language::wanted(&headers, &Cookies::of(&headers));
    let known = language.text(&format!("problem.{}", problem.code()));
    let message = known.map_or_else(|| problem.message().to_owned(), str::to_owned);
    let mut shown = if wants_json(&headers) {
        Json(json!({ "code": problem.code(), "message": message })).into_response()
    } else {
        let back_to = referring_path(&headers).unwrap_or_else(|| "/dashboard".to_owned());
        let values = context! { is_good => false, message, back_to };
        match desk.draw("outcome.html", language, values) {
            Ok(page) => Html(page).into_response(),
            Err(error) => return error.into_response(),
        }
    };
    *shown.status_mut() = problem.status();
    if let Some(after_s) = problem.retry_after_s() {
        shown.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after_s));
    }
    // The log gets to know of it where every other one is told.
    shown.extensions_mut().insert(problem);
    shown
}

fn problem_of(response: &Response) -> Option<Problem> {
    let is_bare = !response.headers().contains_key(axum::http::header::CONTENT_TYPE);
    let status = response.status();
    let of_status = || (status.is_client_error() || status.is_server_error()).then(|| Problem::of_status(status));
    response.extensions().get::<Problem>().cloned().or_else(|| of_status().filter(|_| is_bare))
}

impl Desk {
    /// A page for whoever looks, signed in or not.
    pub(super) fn draw(&self, template: &str, language: Language, values: minijinja::Value) -> Result<String, Problem> {
        let frame = Frame::bare(language, self.now_ms());
        let values = context! { ..values, ..frame.values() };
        self.templates().draw(template, &values).map_err(Problem::internal)
    }
}
