//! What a request brings: the session in its path, its query, its body. What is wrong is refused with the field's name.

use std::{fmt::Display, str::FromStr, sync::Arc, time::Duration};

use axum::{
    extract::{FromRef, FromRequest, FromRequestParts, Query, RawPathParams, Request},
    http::{HeaderMap, StatusCode, header, request::Parts as Head},
};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use super::{
    body_type::BodyType,
    problem::{Answer, Problem},
    state::Facts,
};
use crate::model::{ChatId, InvalidChatId, InvalidId, PhoneNumber, SessionName, without_value};

/// The session that the path names.
pub(super) struct PathSession(pub(super) SessionName);

/// The chat that the path names.
pub(super) struct PathChat(pub(super) ChatId);

/// The hidden number that the path names, with or without `@lid`.
pub(super) struct PathLid(pub(super) ChatId);

/// The phone number that the path names, with or without `@c.us`.
pub(super) struct PathPhone(pub(super) ChatId);

/// The message id that the path names, in any form of it, as it was written.
pub(super) struct PathMessage(pub(super) String);

/// The name of a file that the path names, as it was written.
pub(super) struct PathFile(pub(super) String);

/// The id of an API key that the path names.
pub(super) struct PathKey(pub(super) String);

/// The query. A parameter that is empty counts as absent; one that is not asked for is ignored; of one that stands there several
/// times the last counts, unless [`Params::all`] is asked for.
pub(super) struct Params(Vec<(String, String)>);

/// A body of JSON, by whatever name [`BodyType`] allows. One that is empty counts as `{}`.
pub(super) struct Body(Vec<u8>);

async fn path_param<S: Send + Sync>(head: &mut Head, state: &S, name: &str) -> Answer<String> {
    let params = <RawPathParams as FromRequestParts<S>>::from_request_parts(head, state).await;
    let params = params.map_err(|_| Problem::wrong_field(name, "the path is not valid UTF-8"))?;
    let value = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| Problem::internal(format!("the route has no parameter '{name}'")))
}

impl<S: Send + Sync> FromRequestParts<S> for PathSession {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, state: &S) -> Answer<Self> {
        let name = path_param(head, state, "session").await?;
        Ok(Self(name.parse().map_err(|error: InvalidId| Problem::wrong_field("session", error))?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathChat {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, state: &S) -> Answer<Self> {
        let chat = path_param(head, state, "chatId").await?;
        Ok(Self(chat.parse().map_err(|error: InvalidChatId| Problem::wrong_field("chatId", error))?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathLid {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, state: &S) -> Answer<Self> {
        let given = path_param(head, state, "lid").await?;
        let lid = format!("{}@lid", given.strip_suffix("@lid").unwrap_or(&given));
        Ok(Self(lid.parse().map_err(|error: InvalidChatId| Problem::wrong_field("lid", error))?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathPhone {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, state: &S) -> Answer<Self> {
        let given = path_param(head, state, "phoneNumber").await?;
        let number = given.strip_suffix("@c.us").unwrap_or(&given);
        let number: PhoneNumber = number.parse().map_err(|error| Problem::wrong_field("phoneNumber", error))?;
        let chat = format!("{}@c.us", number.as_str()).parse();
        Ok(Self(chat.map_err(|error: InvalidChatId| Problem::wrong_field("phoneNumber", error))?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathMessage {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, state: &S) -> Answer<Self> {
        path_param(head, state, "id").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathFile {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, state: &S) -> Answer<Self> {
        path_param(head, state, "file").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathKey {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, state: &S) -> Answer<Self> {
        path_param(head, state, "key").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, _: &S) -> Answer<Self> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&head.uri)
            .map_err(|_| Problem::wrong_field("query", "this is no query of the form name=value&name=value"))?;
        Ok(Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }
}

impl Params {
    /// A parameter as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A list, whether its parameter stands there once or several times: joined by commas.
    pub(super) fn all(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// A parameter that may be absent.
    pub(super) fn optional<T>(&self, name: &str) -> Answer<Option<T>>
    where
        T: FromStr<Err: Display>,
    {
        self.text(name).map(str::parse).transpose().map_err(|error| Problem::wrong_field(name, error))
    }

    /// A parameter that must be there.
    pub(super) fn required<T>(&self, name: &str) -> Answer<T>
    where
        T: FromStr<Err: Display>,
    {
        self.optional(name)?.ok_or_else(|| Problem::wrong_field(name, "this parameter of the query is missing"))
    }
}

impl<S> FromRequest<S> for Body
where
    S: Send + Sync,
    Arc<Facts>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let settings = &Arc::<Facts>::from_ref(state).server.settings;
        let stall = Duration::from_secs(settings.body_stall_s);
        let kind = BodyType::of(request.headers());
        let bytes = read_body(request.into_body(), settings.body_limit_bytes, stall).await?;
        kind.require_json(bytes.trim_ascii().first().copied())?;
        Ok(Self(bytes))
    }
}

/// The whole body, if it is not too long, and does not stand still.
async fn read_body(body: axum::body::Body, limit: usize, stall: Duration) -> Answer<Vec<u8>> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let next = tokio::time::timeout(stall, chunks.next()).await;
        let Some(chunk) = next.map_err(|_| Problem::of_status(StatusCode::REQUEST_TIMEOUT))? else { break };
        let chunk = chunk.map_err(|error| Problem::of_status(StatusCode::BAD_REQUEST).caused_by(error))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

impl Body {
    /// A body that was read already.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// The body as what is asked for; may be asked several times, since fields that are not asked for are ignored.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Answer<T> {
        let bytes = match self.0.trim_ascii() {
            [] => b"{}",
            bytes @ [b'{', ..] => bytes,
            // serde would take an array for an object whose fields come in order.
            _ => return Err(Problem::wrong_field("body", "this must be a JSON object")),
        };
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let parent = error.path().to_string();
            let message = error.into_inner().to_string();
            Problem::wrong_field(field_name(&parent, &message), without_value(without_place(&message)))
        })?;
        json.end().map_err(|_| Problem::wrong_field("body", "there is more than one JSON value"))?;
        Ok(value)
    }
}

/// serde names a missing field in its message, and the path leads to where it is missing.
fn field_name(parent: &str, message: &str) -> String {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    // `.` is the whole, and `?` a part that has no name since the text ended before it.
    let parent = parent.trim_end_matches('?').trim_end_matches('.');
    match (parent, missing) {
        ("", Some(field)) => field.to_owned(),
        (parent, Some(field)) => format!("{parent}.{field}"),
        ("", None) => "body".to_owned(),
        (parent, None) => parent.to_owned(),
    }
}

/// serde_json's " at line 1 column 20" helps nobody who has the field's name.
fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

/// Whether the caller wants JSON where there is a picture or a stream by default.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    const SOON: Duration = Duration::from_secs(5);

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sample {
        #[expect(dead_code, reason = "read for its errors")]
        chat_id: String,
        nested: Option<Nested>,
    }

    #[derive(Debug, Deserialize)]
    struct Nested {
        #[expect(dead_code, reason = "read for its errors")]
        items: Vec<u32>,
    }

    async fn refusal(body: &str) -> (String, String) {
        let problem = Body::of(body).read::<Sample>().expect_err(body);
        assert_eq!(problem.status(), 422);
        let body = crate::api::problem::tests::body_of(problem.render("r")).await;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        (text(&body["fields"][0]["field"]), text(&body["fields"][0]["message"]))
    }

    #[tokio::test]
    async fn a_wrong_body_is_refused_with_its_field() {
        for (body, field, message) in [
            ("", "chatId", "missing field `chatId`"),
            ("{}", "chatId", "missing field `chatId`"),
            (r#"{"chatId":5}"#, "chatId", "invalid type: an integer, expected a string"),
            (r#"{"chatId":"a","nested":{}}"#, "nested.items", "missing field `items`"),
            (r#"{"chatId":"a","nested":{"items":[1,"b"]}}"#, "nested.items[1]", "invalid type: a string, expected u32"),
            (r#"{"chatId":"a"} {}"#, "body", "there is more than one JSON value"),
        ] {
            assert_eq!(refusal(body).await, (field.to_owned(), message.to_owned()), "{body}");
        }
        for body in ["not json", r#" ["a"]"#, "null", "\"text\"", "{"] {
            assert_eq!(refusal(body).await.0, "body", "{body}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_refused() {
        let taken = read_body(axum::body::Body::from("12345"), 5, SOON).await;
        assert_eq!(taken.expect("it fits"), b"12345");
        let refused = read_body(axum::body::Body::from("123456"), 5, SOON).await;
        assert_eq!(refused.expect_err("it does not").status(), 413);
        let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("123456"));
        let refused = read_body(axum::body::Body::from_stream(endless), 5, SOON).await;
        assert_eq!(refused.expect_err("it never ends").status(), 413);
        let silent = futures::stream::pending::<Result<&'static str, std::io::Error>>();
        let refused = read_body(axum::body::Body::from_stream(silent), 5, Duration::from_millis(1)).await;
        assert_eq!(refused.expect_err("nothing comes").status(), 408);
    }

    #[test]
    fn fields_that_nobody_asks_for_are_ignored() {
        let body = Body::of(r#"{"chatId":"a","other":[1,{}],"nested":null}"#);
        assert!(body.read::<Sample>().expect("it is right").nested.is_none());
    }

    #[test]
    fn json_is_wanted_where_accept_names_it() {
        for (accept, wanted) in [
            ("application/json", true),
            ("application/json;q=0.9", true),
            ("image/png, application/json", true),
            ("image/png", false),
            ("*/*", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a header"))]);
            assert_eq!(wants_json(&headers), wanted, "{accept}");
        }
    }
}
