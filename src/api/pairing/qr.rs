//! `GET /api/{session}/auth/qr?format=`: the code to scan. One that has expired is never served.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::picture;
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Params, PathSession},
        problem::{Answer, Problem},
        wire::rfc3339,
    },
    clock::Clock,
    model::{Qr, SessionName, SessionState, SessionView},
    qr::Code,
    session::{Registry, SessionError},
};

const SEQ: HeaderName = HeaderName::from_static("x-qr-seq");
const EXPIRES_AT: HeaderName = HeaderName::from_static("x-qr-expires-at");
/// How long the next code is waited for when the one that is there has expired.
const NEXT_CODE_LIMIT: Duration = Duration::from_secs(10);

/// How a code is shown.
#[derive(Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(as = QrFormat, rename_all = "lowercase")]
pub(super) enum Format {
    /// As a picture.
    Image,
    /// As the text in it.
    Raw,
}

/// A code as JSON: its text with `format=raw`, else the picture for a caller that accepts JSON only.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described here, written by what makes each")]
pub(super) enum QrAnswer {
    /// The text in the code.
    Raw(RawCode),
    /// The picture.
    Picture(picture::Picture),
}

/// The text in a code.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawCode {
    value: String,
    /// Counts the codes of a session.
    seq: u64,
    /// RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "image" => Ok(Self::Image),
            "raw" => Ok(Self::Raw),
            _ => Err("this is image or raw"),
        }
    }
}

/// The current code as picture, or raw with its number and its end.
#[utoipa::path(
    get, path = "/api/{session}/auth/qr", tag = "linking",
    params(PathSession, ("format" = inline(Option<Format>), Query, description = "`image` unless said otherwise")),
    responses((
        status = 200, description = "The code; X-Qr-Seq and X-Qr-Expires-At say which, and until when it can be scanned",
        content((Vec<u8> = "image/png"), (QrAnswer = "application/json")),
        headers(("X-Qr-Seq" = u64), ("X-Qr-Expires-At" = String)),
    )),
)]
pub(super) async fn qr(
    State(registry): State<Registry>,
    State(clock): State<Arc<dyn Clock>>,
    principal: Principal,
    PathSession(name): PathSession,
    params: Params,
    headers: HeaderMap,
) -> Answer<Response> {
    principal.require(Action::Control, &name)?;
    let format = params.optional::<Format>("format")?.unwrap_or(Format::Image);
    registry.rouse_to_scan(&name).await?;
    let code = current_qr(&registry, &*clock, &name).await?;
    let mut response = match format {
        Format::Raw => {
            let expires_at = rfc3339(code.expires_at_ms);
            let raw = RawCode { value: code.value.clone(), seq: code.seq, expires_at };
            Json(raw).into_response()
        }
        Format::Image => picture::png(Code::of(&code.value).map_err(Problem::internal)?.png(), &headers),
    };
    response.headers_mut().insert(SEQ, HeaderValue::from(code.seq));
    if let Ok(expires_at) = HeaderValue::from_str(&rfc3339(code.expires_at_ms)) {
        response.headers_mut().insert(EXPIRES_AT, expires_at);
    }
    Ok(response)
}

/// The code of a session that can still be scanned; the next one is waited for a moment.
pub(in crate::api) async fn current_qr(registry: &Registry, clock: &dyn Clock, name: &SessionName) -> Answer<Qr> {
    let view = registry.watch(name)?;
    let current = tokio::time::timeout(NEXT_CODE_LIMIT, fresh(view, clock)).await;
    current.map_err(|_| Problem::wrong_state("the next QR code is not there yet; ask again in a moment"))?
}

/// The code that can still be scanned, as soon as there is one.
async fn fresh(mut view: watch::Receiver<SessionView>, clock: &dyn Clock) -> Answer<Qr> {
    loop {
        {
            let view = view.borrow_and_update();
            if view.state != SessionState::AwaitingScan {
                return Err(not_awaiting(&view));
            }
            if let Some(code) = view.qr.as_ref().filter(|code| code.expires_at_ms > clock.now_ms()) {
                return Ok(code.clone());
            }
        }
        // The sender is gone when the session was deleted.
        view.changed().await.map_err(|_| Problem::from(SessionError::Unknown(view.borrow().name.clone())))?;
    }
}

/// WAHA's clients read `session`, `status` and `expected` here; `status` is the problem's own, so it is `currentStatus`.
fn not_awaiting(view: &SessionView) -> Problem {
    let (name, state) = (view.name.clone(), view.state);
    let needed = match state {
        SessionState::Ready | SessionState::Syncing | SessionState::Pairing => "it is linked: there is nothing to scan",
        SessionState::Launching | SessionState::Loading | SessionState::Reconnecting => {
            "its QR will be there in a moment if it is not linked (status SCAN_QR_CODE)"
        }
        _ => "start it first",
    };
    Problem::from(SessionError::WrongState { name, state, needed }).with("expected", json!(["SCAN_QR_CODE"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Desired, session::PageView};

    #[derive(Debug)]
    struct At(i64);

    impl Clock for At {
        fn now_ms(&self) -> i64 {
            self.0
        }
    }

    fn view(state: SessionState, expires_at_ms: Option<i64>) -> SessionView {
        SessionView {
            name: "main".parse().expect("a name"),
            desired: Desired::Running,
            state,
            reason: None,
            since_ms: 0,
            me: None,
            qr: expires_at_ms.map(|at_ms| Qr { value: "2@ref".to_owned(), seq: 7, expires_at_ms: at_ms }),
            page: PageView::default(),
            retry: None,
            health: crate::model::SessionHealth::default(),
            sleep: crate::model::SleepView::default(),
        }
    }

    #[tokio::test]
    async fn a_code_that_lives_is_served() {
        let (_sender, view) = watch::channel(view(SessionState::AwaitingScan, Some(1001)));
        assert_eq!(fresh(view, &At(1000)).await.expect("a code").seq, 7);
    }

    #[tokio::test]
    async fn an_expired_code_is_never_served_but_the_next_one_is() {
        let (sender, follower) = watch::channel(view(SessionState::AwaitingScan, Some(1000)));
        let waiting = tokio::spawn(async move { fresh(follower, &At(1000)).await });
        while sender.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        sender.send_modify(|view| view.qr = Some(Qr { value: "2@next".to_owned(), seq: 8, expires_at_ms: 2000 }));
        assert_eq!(waiting.await.expect("it ended").expect("a code").seq, 8);
    }

    #[tokio::test]
    async fn a_session_that_shows_no_code_is_refused_with_its_status() {
        for state in SessionState::ALL.into_iter().filter(|state| *state != SessionState::AwaitingScan) {
            let (_sender, view) = watch::channel(view(state, Some(2000)));
            let problem = fresh(view, &At(1000)).await.expect_err("there is nothing to scan");
            assert_eq!(problem.status(), 422);
            let body = crate::api::problem::tests::body_of(problem.render("r")).await;
            assert_eq!(body["currentStatus"], json!(state.wire_status()));
            assert_eq!(body["expected"], json!(["SCAN_QR_CODE"]));
        }
    }

    #[tokio::test]
    async fn a_session_that_was_deleted_meanwhile_is_unknown() {
        let (sender, view) = watch::channel(view(SessionState::AwaitingScan, None));
        drop(sender);
        assert_eq!(fresh(view, &At(0)).await.expect_err("it is gone").status(), 404);
    }
}
