//! Dead letters: another try, or away with them.

use futures::future::try_join_all;

use super::{AcceptError, Outbox};
use crate::{
    model::{DeadCode, MessageId, OutboundMessage, SessionName},
    store::{Page, StoreError},
};

/// Dead letters that are looked at together.
const PAGE: u32 = 200;

impl Outbox {
    /// Tries a dead letter again, from the start and under the same id; false when it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revive(&self, id: &MessageId) -> Result<bool, AcceptError> {
        let messages = self.store.messages();
        let Some(message) = messages.get(id).await? else { return Ok(false) };
        self.forget_refusal(&message).await?;
        if !messages.revive(id).await? {
            return Ok(false);
        }
        if self.enqueue(&message).await {
            messages.mark_queued(id).await?;
        }
        Ok(true)
    }

    /// Tries all dead letters again, of one session or of all that still exist; how many.
    ///
    /// # Errors
    /// When the database fails; some may be on their way again then.
    pub async fn revive_all(&self, session: Option<&SessionName>) -> Result<u64, AcceptError> {
        let mut revived = 0;
        let mut after = 0;
        loop {
            let page = self.store.messages().dead_letters(session, Page { after, limit: PAGE }).await?;
            let Some(last) = page.last() else { return Ok(revived) };
            after = last.position;
            let tried = try_join_all(page.iter().map(|dead| self.revive(&dead.id))).await?;
            revived += tried.into_iter().map(u64::from).sum::<u64>();
        }
    }

    /// Removes a dead letter with its history, for good; false when it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_dead(&self, id: &MessageId) -> Result<bool, AcceptError> {
        Ok(self.store.messages().remove_dead(id).await?)
    }

    /// Removes all dead letters, of one session or of all; how many.
    ///
    /// # Errors
    /// When the database fails; some may be gone then.
    pub async fn remove_all_dead(&self, session: Option<&SessionName>) -> Result<u64, AcceptError> {
        let mut removed = 0;
        loop {
            let now = self.store.messages().remove_some_dead(session, PAGE).await?;
            removed += now;
            if now < u64::from(PAGE) {
                return Ok(removed);
            }
        }
    }

    /// Somebody says that the number is there by now: WhatsApp is asked anew.
    async fn forget_refusal(&self, message: &OutboundMessage) -> Result<(), StoreError> {
        let is_refused = message.progress.error.as_ref().is_some_and(|(code, _)| *code == DeadCode::NotOnWhatsapp);
        match message.chat.phone() {
            Some(phone) if is_refused => self.store.numbers().forget(&phone).await,
            _ => Ok(()),
        }
    }
}
