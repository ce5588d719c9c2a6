//! What a session's page is asked on behalf of others.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Registry;
use crate::{
    model::{ChatId, MessageKey, SessionName, SessionState},
    page::{ChatState, Incoming, WhatsAppPage, questions},
    session::{error::SessionError, payload},
};

const ASKED: &str = "it can be asked while it is WORKING";

impl Registry {
    /// Shows "typing" in a chat, or ends it.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not do it.
    pub async fn show_chat_state(
        &self,
        name: &SessionName,
        chat: &ChatId,
        state: ChatState,
    ) -> Result<(), SessionError> {
        let page = self.ready_page(name, "\"typing\" can be shown while it is WORKING").await?;
        // Nobody sees somebody type who is not online.
        self.handle(name)?.sends.presence.before_send(&page).await;
        Ok(questions::show_chat_state(&*page, chat, state).await?)
    }

    /// Somebody's presence becomes events, while the session's page lives; as far as it is known now, as the events tell it.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not do it.
    pub async fn watch_presence(&self, name: &SessionName, chat: &ChatId) -> Result<Value, SessionError> {
        let page = self.ready_page(name, "presences can be watched while it is WORKING").await?;
        let presence = questions::watch_presence(&*page, chat).await?;
        Ok(presence.map_or_else(|| json!({ "id": chat, "presences": [] }), |presence| payload::presence(&presence)))
    }

    /// Shows the account as online while its page lives, or only around sends.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not do it.
    pub async fn set_available(&self, name: &SessionName, available: bool) -> Result<(), SessionError> {
        let page = self.ready_page(name, "its presence can be set while it is WORKING").await?;
        Ok(self.handle(name)?.sends.presence.ask(&page, available).await?)
    }

    /// Who somebody is; null for somebody whom WhatsApp does not know. Kept for an hour.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not answer.
    pub async fn contact(&self, name: &SessionName, id: &ChatId) -> Result<Value, SessionError> {
        let ask = async {
            let page = self.ready_page(name, ASKED).await?;
            Ok(json!(questions::contact(&*page, id).await?))
        };
        self.inner.contacts.get((name, "contact", id.as_str()), ask).await
    }

    /// What somebody says of themselves, or null. Kept for an hour.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not answer.
    pub async fn about(&self, name: &SessionName, id: &ChatId) -> Result<Value, SessionError> {
        let ask = async {
            let page = self.ready_page(name, ASKED).await?;
            Ok(json!(questions::about(&*page, id).await?))
        };
        self.inner.contacts.get((name, "about", id.as_str()), ask).await
    }

    /// The URL of somebody's picture, or a group's, or null. Kept for an hour.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not answer.
    pub async fn picture(&self, name: &SessionName, id: &ChatId) -> Result<Value, SessionError> {
        let ask = async {
            let page = self.ready_page(name, ASKED).await?;
            Ok(json!(questions::picture(&*page, id).await?))
        };
        self.inner.contacts.get((name, "picture", id.as_str()), ask).await
    }

    /// One page of the chats, the last written to first, as the API shows them.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not answer.
    pub async fn chats(&self, name: &SessionName, limit: usize, offset: usize) -> Result<Vec<Value>, SessionError> {
        let page = self.ready_page(name, ASKED).await?;
        let chats = questions::chats(&*page, limit, offset).await?;
        let mut shown = Vec::with_capacity(chats.len());
        for chat in &chats {
            let mut body = payload::chat(chat);
            if let Some(last) = chat.last_message.as_ref().filter(|last| last.key.from_me()) {
                body["lastMessage"] = self.shown(name, last).await?;
            }
            shown.push(body);
        }
        Ok(shown)
    }

    /// One page of a chat's messages as `WAMessage`s, the newest first; None when there is no such chat.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not answer.
    pub async fn chat_messages(
        &self,
        name: &SessionName,
        chat: &ChatId,
        part: (usize, usize),
    ) -> Result<Option<Vec<Value>>, SessionError> {
        let page = self.ready_page(name, ASKED).await?;
        let Some(messages) = questions::chat_messages(&*page, chat, part).await? else { return Ok(None) };
        let mut shown = Vec::with_capacity(messages.len());
        for message in &messages {
            shown.push(self.shown(name, message).await?);
        }
        Ok(Some(shown))
    }

    /// A message as a `WAMessage`, by any form of its key; None when the page does not have it.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not answer.
    pub async fn message(&self, name: &SessionName, key: &MessageKey) -> Result<Option<Value>, SessionError> {
        let page = self.ready_page(name, ASKED).await?;
        match questions::message(&*page, key).await? {
            Some(message) => self.shown(name, &message).await.map(Some),
            None => Ok(None),
        }
    }

    /// A message of the page's as everybody else is told of it: what was handed in has the id that was answered, and what came in
    /// with a file has it where it was kept.
    async fn shown(&self, name: &SessionName, message: &Incoming) -> Result<Value, SessionError> {
        let store = &self.inner.services.store;
        if let Some(sent) = store.messages().find_by_key(&message.key).await?.filter(|sent| sent.session == *name) {
            let mut body = payload::incoming(message);
            body["id"] = json!(sent.id.public(&sent.chat));
            body["source"] = "api".into();
            body["to"] = json!(sent.chat);
            if let Some(me) = self.view(name)?.me {
                body["from"] = me.id.into();
            }
            return Ok(body);
        }
        let stored = store.inbound().find(name, message.key.id()).await?;
        let mut body = payload::incoming(message);
        if let Some(media) = stored.and_then(|mut stored| stored.payload.get_mut("media").map(Value::take)) {
            body["mediaUrl"] = media["url"].as_str().unwrap_or_default().into();
            body["media"] = media;
        }
        Ok(body)
    }

    /// The page of a session that is ready; one that sleeps is woken for it.
    pub(super) async fn ready_page(
        &self,
        name: &SessionName,
        needed: &'static str,
    ) -> Result<Arc<dyn WhatsAppPage>, SessionError> {
        let handle = self.handle(name)?;
        self.rouse(&handle, |view| view.state == SessionState::Ready).await;
        let page = handle.sendable.borrow().clone();
        let state = handle.view.borrow().state;
        page.ok_or(SessionError::WrongState { name: name.clone(), state, needed })
    }
}
