//! What a sender tells its session's actor, so that the watchdog knows what waits for an acknowledgement.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{pending::SendSign, presence::Presence};
use crate::{
    model::MessageId,
    page::{SendOutcome, WhatsAppPage},
};

/// The sender's end.
#[derive(Clone)]
pub(super) struct Sends {
    pub(super) signs: mpsc::Sender<SendSign>,
    pub(super) presence: Arc<Presence>,
}

impl Sends {
    /// Right before the page is told to send.
    pub(super) async fn begin(&self, id: &MessageId, page: &Arc<dyn WhatsAppPage>) {
        self.presence.before_send(page).await;
        self.tell(SendSign::Began(id.clone())).await;
    }

    /// Right after. What nobody knows the fate of goes on waiting.
    pub(super) async fn note(&self, id: &MessageId, outcome: &SendOutcome) {
        self.presence.keep_up();
        match outcome {
            SendOutcome::Sent { .. } => self.tell(SendSign::Acked(id.clone())).await,
            SendOutcome::Rejected(_) | SendOutcome::Failed(_) => self.over(id).await,
            SendOutcome::Unknown(_) => {}
        }
    }

    /// Nobody waits for it any more.
    pub(super) async fn over(&self, id: &MessageId) {
        self.tell(SendSign::Over(id.clone())).await;
    }

    async fn tell(&self, sign: SendSign) {
        // An error means that the actor has ended; then nobody watches.
        let _ = self.signs.send(sign).await;
    }
}
