//! What a session's page is asked on behalf of others.

use std::sync::Arc;

use super::Registry;
use crate::{
    model::{ChatId, SessionName},
    page::{ChatState, WhatsAppPage, questions},
    session::error::SessionError,
};

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
        let page = self.ready_page(name, "\"typing\" can be shown while it is WORKING")?;
        Ok(questions::show_chat_state(&*page, chat, state).await?)
    }

    /// The page of a session that is ready.
    fn ready_page(&self, name: &SessionName, needed: &'static str) -> Result<Arc<dyn WhatsAppPage>, SessionError> {
        let handle = self.handle(name)?;
        let page = handle.sendable.borrow().clone();
        let state = handle.view.borrow().state;
        page.ok_or(SessionError::WrongState { name: name.clone(), state, needed })
    }
}
