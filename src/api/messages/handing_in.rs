//! What every request that hands something in has in common: who asks and for which session, how it is taken over, and the
//! answer, with `?wait=` only once it was acknowledged, given up, or time ran out.

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts as Head},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    options,
    settle::{Until, Watch},
    waiting,
};
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Body, Params},
        problem::{Answer, Problem},
        state::Parts,
        wire::{self, SentMessage, WAMessage},
    },
    media::{FileName, FileStore},
    model::{ChatId, Content, InvalidId, MessageId, MessageKey, OutboundMessage, SessionName},
    outbox::Accepted,
};

/// Whether the same request was answered before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A request by somebody who may send in this session.
pub(in crate::api) struct HandingIn {
    parts: Parts,
    principal: Principal,
    headers: HeaderMap,
    until: Option<Until>,
    /// The session, from the path or the body.
    pub(in crate::api) session: SessionName,
    /// What was sent along.
    pub(in crate::api) body: Body,
}

/// A session.
#[derive(Deserialize, ToSchema)]
pub(super) struct OfSession {
    #[schema(value_type = String, example = "main")]
    session: SessionName,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfChat {
    chat_id: String,
}

/// Another message.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfMessage {
    /// An id in any form of it; that of a message which nobody here has seen needs its full one.
    #[schema(example = "false_15551234567@c.us_3EB0A1B2C3D4E5F6A7B8C9")]
    message_id: String,
}

/// Another message, as a request names it.
pub(in crate::api) struct Target {
    /// Its key.
    pub(in crate::api) key: MessageKey,
    /// Its chat; for one of ours as it was asked for, so that the order within the chat holds.
    pub(in crate::api) chat: String,
}

impl FromRequest<Parts> for HandingIn {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Answer<Self> {
        let (mut head, body) = request.into_parts();
        let body = Body::from_request(Request::from_parts(head.clone(), body), parts).await?;
        Self::of(&mut head, body, parts).await
    }
}

impl HandingIn {
    /// The request with this head and body.
    pub(super) async fn of(head: &mut Head, body: Body, parts: &Parts) -> Answer<Self> {
        let principal = Principal::from_request_parts(head, parts).await?;
        let params = Params::from_request_parts(head, parts).await?;
        let path = RawPathParams::from_request_parts(head, parts).await;
        let path = path.map_err(|_| Problem::wrong_field("session", "the path is not valid UTF-8"))?;
        let named = path.iter().find(|(name, _)| *name == "session").map(|(_, session)| session.parse());
        let headers = head.headers.clone();
        let session = match named {
            Some(session) => session.map_err(|error: InvalidId| Problem::wrong_field("session", error))?,
            None => body.read::<OfSession>()?.session,
        };
        principal.require(Action::Send, &session)?;
        let until = params.optional::<Until>("wait")?;
        Ok(Self { parts: parts.clone(), principal, headers, until, session, body })
    }

    /// The files that are kept.
    pub(super) fn files(&self) -> FileStore {
        self.parts.rooms.files.clone()
    }

    /// The body's `chatId`.
    pub(in crate::api) fn chat(&self) -> Answer<String> {
        Ok(self.body.read::<OfChat>()?.chat_id)
    }

    /// The message that the body's `messageId` names.
    pub(in crate::api) async fn target(&self) -> Answer<Target> {
        let OfMessage { message_id } = self.body.read()?;
        self.find("messageId", &message_id).await
    }

    /// The key of the message that the body's `reply_to` names; none when it is absent or empty.
    pub(in crate::api) async fn reply_to(&self) -> Answer<Option<MessageKey>> {
        match self.body.read::<options::Reply>()?.reply_to.filter(|form| !form.is_empty()) {
            Some(form) => Ok(Some(self.find("reply_to", &form).await?.key)),
            None => Ok(None),
        }
    }

    /// A message by any form of its id. One that nobody here has seen needs its full one, which the page may know.
    pub(in crate::api) async fn find(&self, field: &'static str, form: &str) -> Answer<Target> {
        let key = form.parse::<MessageKey>();
        let bare = key.as_ref().map_or(form, MessageKey::id);
        if let Ok(id) = bare.parse::<MessageId>()
            && key.as_ref().map_or(true, MessageKey::from_me)
            && let Some(message) = self.parts.rooms.store.messages().get(&id).await?
            && message.session == self.session
        {
            return Ok(target_of(&message));
        }
        if let (Err(_), Ok(Some(record))) = (&key, self.parts.rooms.store.inbound().find(&self.session, bare).await) {
            return Ok(Target { chat: record.key.remote().to_owned(), key: record.key });
        }
        match key {
            Ok(key) if !form.contains('\0') => Ok(Target { chat: key.remote().to_owned(), key }),
            _ => Err(Problem::wrong_field(
                field,
                "no message of this id was sent or received here; its full id is true_<chat>_<id> or false_<chat>_<id>",
            )),
        }
    }

    /// Takes the content over, and answers with the status and its `WAMessage`.
    pub(in crate::api) async fn take_over(
        self,
        chat: String,
        content: Content,
        status: StatusCode,
    ) -> Answer<Response> {
        self.take_over_with_file(chat, content, (status, None)).await
    }

    /// As [`Self::take_over`]; a kept file stays until the message was sent or given up.
    pub(super) async fn take_over_with_file(
        self,
        chat: String,
        content: Content,
        (status, kept): (StatusCode, Option<FileName>),
    ) -> Answer<Response> {
        let mut request = options::request(&self.body, &self.headers, self.session, (chat, content))?;
        if let Some(kept) = kept {
            let id = request.options.id.get_or_insert_with(|| MessageId::choose().to_string());
            let id = MessageId::from_any_form(id).map_err(|error| Problem::wrong_field("id", error))?;
            self.parts.rooms.files.hold(&request.session, &kept, &id).await?;
        }
        // Listening begins before the message exists, so that no acknowledgement is missed.
        let watch = self.until.map(|until| Watch::begin(&self.parts, until));
        let accepted = self.parts.rooms.outbox.accept(request, self.principal.key_id()).await?;
        let Accepted { mut message, replayed } = accepted;
        if let Some(watch) = watch {
            message = watch.over(message).await?;
        }
        let mut response = (status, Json(answer(&self.parts, &message).await)).into_response();
        if replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// Takes a message over: 201.
    pub(in crate::api) async fn create(self, content: Content) -> Answer<Response> {
        let chat = self.chat()?;
        self.take_over(chat, content, StatusCode::CREATED).await
    }
}

/// One of ours. Before it was sent the chat's own form is the best there is; the page knows the others.
fn target_of(message: &OutboundMessage) -> Target {
    let public = message.id.public(&message.chat).parse();
    let key = message.progress.key.clone().unwrap_or_else(|| public.expect("a public id is a key"));
    Target { key, chat: message.chat.to_string() }
}

/// The chat that a path names is the one that the message is in, unless one of them is a hidden number.
pub(in crate::api) fn is_in(target: &Target, chat: &ChatId) -> bool {
    let is_person = |id: &str| id.ends_with("@c.us") || id.ends_with("@lid");
    [target.chat.as_str(), target.key.remote()].contains(&chat.as_str())
        || is_person(chat.as_str()) && is_person(target.key.remote())
}

async fn answer(parts: &Parts, message: &OutboundMessage) -> WAMessage {
    let view = parts.rooms.registry.view(&message.session).ok();
    let waiting = match &view {
        Some(view) if !message.progress.state.is_settled() => {
            // Without Redis nobody can tell; the message waits in the database all the same.
            let stats = parts.rooms.queue.stats(&message.session).await.ok();
            waiting::reason(message, view, stats.as_ref(), parts.rooms.clock.now_ms())
        }
        _ => None,
    };
    let me = view.as_ref().and_then(|view| view.me.as_ref());
    wire::sent_message(&SentMessage { message, me, waiting: waiting.as_ref() })
}
