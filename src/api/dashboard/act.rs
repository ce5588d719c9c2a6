//! What buttons do: each is a call of the API in the visitor's name, through the same checks as any other.

use axum::{
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{Method, Request, header},
    response::Response,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    Desk,
    outcome::{Done, Refusal},
    session_path,
    visitor::{Form, Visitor},
};
use crate::{
    api::{
        input::PathSession,
        problem::{Answer, Problem},
    },
    model::{PhoneNumber, SessionName},
};

/// The longest answer of the API that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

type Followed = Result<Response, Refusal>;

/// Calls the API in the visitor's name.
async fn call(desk: &Desk, visitor: &Visitor, method: Method, path: &str, body: Option<&Value>) -> Answer<Value> {
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request =
        Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json").body(body);
    let mut request = request.map_err(Problem::internal)?;
    request.extensions_mut().insert(visitor.principal().clone());
    let Ok(mut response) = desk.inner.api.clone().oneshot(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Err(problem);
    }
    if !response.status().is_success() {
        return Err(Problem::of_status(response.status()));
    }
    let bytes = to_bytes(response.into_body(), LONGEST_ANSWER).await.map_err(Problem::internal)?;
    if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes).map_err(Problem::internal) }
}

fn encoded(segment: &str) -> String {
    utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string()
}

/// `POST /dashboard/sessions`: a new session, which shows a QR as soon as it can.
pub(super) async fn create(State(desk): State<Desk>, form: Form) -> Followed {
    let name: SessionName = form.fields.required("name")?;
    call(&desk, &form.visitor, Method::POST, "/api/sessions", Some(&json!({ "name": name }))).await?;
    let done = Done { go: Some(session_path(&name)), ..said(&form, "done.created", &[("session", name.as_str())]) };
    Ok(done.answer(&desk, &form.headers, form.visitor.language)?)
}

/// `POST /dashboard/sessions/{session}/start|stop|restart|logout`
pub(super) async fn order(
    State(desk): State<Desk>,
    Path((_, order)): Path<(String, String)>,
    PathSession(name): PathSession,
    form: Form,
) -> Followed {
    let said_of = match order.as_str() {
        "start" => "done.start",
        "stop" => "done.stop",
        "restart" => "done.restart",
        "logout" => "done.logout",
        _ => return Err(Problem::no_such_path().into()),
    };
    call(&desk, &form.visitor, Method::POST, &format!("/api/sessions/{name}/{order}"), None).await?;
    answer(&desk, &form, said_of, &[("session", name.as_str())])
}

/// `POST /dashboard/sessions/{session}/pairing-code`: a code to type on the phone.
pub(super) async fn pairing_code(State(desk): State<Desk>, PathSession(name): PathSession, form: Form) -> Followed {
    let number: PhoneNumber = form.fields.required("phoneNumber")?;
    let body = json!({ "phoneNumber": number });
    let path = format!("/api/{name}/auth/request-code");
    let answered = call(&desk, &form.visitor, Method::POST, &path, Some(&body)).await?;
    let code = answered["code"].as_str().unwrap_or_default().to_owned();
    let done = Done { code: Some(code), ..said(&form, "done.pairing_code", &[]) };
    Ok(done.answer(&desk, &form.headers, form.visitor.language)?)
}

/// `POST /dashboard/queue/pause|resume`, of the session that the form names, or of all.
pub(super) async fn queue(State(desk): State<Desk>, Path(order): Path<String>, form: Form) -> Followed {
    let said_of = match order.as_str() {
        "pause" => "done.pause",
        "resume" => "done.resume",
        _ => return Err(Problem::no_such_path().into()),
    };
    let session: Option<SessionName> = form.fields.optional("session")?;
    let query = session.map(|name| format!("?session={name}")).unwrap_or_default();
    call(&desk, &form.visitor, Method::POST, &format!("/api/queue/{order}{query}"), None).await?;
    answer(&desk, &form, said_of, &[])
}

/// `POST /dashboard/dead/{id}/retry|delete`
pub(super) async fn dead(State(desk): State<Desk>, Path((id, order)): Path<(String, String)>, form: Form) -> Followed {
    let path = format!("/api/queue/dead/{}", encoded(&id));
    let said_of = retry_or_delete(&desk, &form, &path, &order).await?;
    answer(&desk, &form, said_of, &[])
}

/// `POST /dashboard/sessions/{session}/dead/retry`: all of them.
pub(super) async fn retry_all_dead(State(desk): State<Desk>, PathSession(name): PathSession, form: Form) -> Followed {
    let path = format!("/api/queue/dead/retry?session={name}");
    let answered = call(&desk, &form.visitor, Method::POST, &path, None).await?;
    answer(&desk, &form, "done.retried_all", &[("n", &answered["retried"].to_string())])
}

/// `POST /dashboard/webhooks/dead/{id}/retry|delete`
pub(super) async fn webhook_dead(
    State(desk): State<Desk>,
    Path((id, order)): Path<(String, String)>,
    form: Form,
) -> Followed {
    let path = format!("/api/webhooks/dead/{}", encoded(&id));
    let said_of = retry_or_delete(&desk, &form, &path, &order).await?;
    answer(&desk, &form, said_of, &[])
}

/// `POST /dashboard/keys/{key}/delete`
pub(super) async fn revoke(State(desk): State<Desk>, Path(key): Path<String>, form: Form) -> Followed {
    call(&desk, &form.visitor, Method::DELETE, &format!("/api/keys/{}", encoded(&key)), None).await?;
    answer(&desk, &form, "done.revoked", &[("key", &key)])
}

async fn retry_or_delete(desk: &Desk, form: &Form, path: &str, order: &str) -> Answer<&'static str> {
    match order {
        "retry" => {
            call(desk, &form.visitor, Method::POST, &format!("{path}/retry"), None).await?;
            Ok("done.retried")
        }
        "delete" => {
            call(desk, &form.visitor, Method::DELETE, path, None).await?;
            Ok("done.deleted")
        }
        _ => Err(Problem::no_such_path()),
    }
}

fn said(form: &Form, key: &str, places: &[(&str, &str)]) -> Done {
    Done::said(form.visitor.language, key, places)
}

fn answer(desk: &Desk, form: &Form, key: &str, places: &[(&str, &str)]) -> Followed {
    Ok(said(form, key, places).answer(desk, &form.headers, form.visitor.language)?)
}
