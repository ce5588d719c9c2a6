//! "typing" before a text, as long as a person would take, for the sessions that want it.

use std::{sync::Arc, time::Duration};

use tracing::debug;

use super::Sender;
use crate::{
    model::{Content, OutboundMessage, SessionOptions},
    page::{ChatState, WhatsAppPage, questions},
};

impl Sender {
    /// Shows "typing" for a time in proportion to the text. What follows does not depend on it: a page that cannot show it is
    /// told to send all the same.
    pub(super) async fn type_first(&self, message: &OutboundMessage, page: &Arc<dyn WhatsAppPage>) {
        let Content::Text(text) = &message.content else { return };
        if !self.wants_typing().await {
            return;
        }
        // Nobody sees somebody type who is not online.
        self.sends.presence.before_send(page).await;
        let settings = &self.services.settings.typing;
        let characters = u64::try_from(text.body.chars().count()).unwrap_or(u64::MAX);
        let pause =
            Duration::from_millis(characters.saturating_mul(settings.ms_per_character).min(settings.longest_ms));
        if let Err(error) = questions::show_chat_state(&**page, &message.chat, ChatState::Composing).await {
            debug!(%error, "\"typing\" was not shown");
            return;
        }
        let begun = self.services.senders.clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // The message in hand is seen through without it.
            () = begun.begun() => {}
        }
        // Otherwise it stays until WhatsApp ends it, beside the text.
        if let Err(error) = questions::show_chat_state(&**page, &message.chat, ChatState::Paused).await {
            debug!(%error, "\"typing\" was not ended");
        }
    }

    async fn wants_typing(&self) -> bool {
        let default = self.services.settings.typing.enabled;
        match self.services.store.sessions().get(&self.session).await {
            Ok(Some(record)) => SessionOptions::of(&record.config).typing.unwrap_or(default),
            Ok(None) | Err(_) => default,
        }
    }
}
