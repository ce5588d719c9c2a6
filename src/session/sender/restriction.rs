//! Whether WhatsApp restricts the account. The page tells a refusal by the server (`isSendFailure`), but not its code: that the
//! server refuses one message may be about that chat; that it refuses everything, whoever it is for, may be a hiccup of the
//! server; that it still does after the circuit has rested is about the account.

use serde_json::json;

use super::{DeliveryError, Sender};
use crate::model::{Alert, ChatId, EventKind, NewEvent, OutboundMessage, PauseCause, Reason, Severity};

/// So many chats refused in a row, with nothing taken in between, are a restriction.
const CHATS: usize = 3;
/// The code of the alert, and of a reason by which a page tells a restriction itself.
const CODE: &str = "whatsapp_restricted";

/// The chats that the server refused since it last took a message, and since when.
#[derive(Debug, Default)]
pub(in crate::session) struct Refusals {
    chats: Vec<ChatId>,
    since_ms: i64,
}

impl Refusals {
    /// The server took a message.
    pub(super) fn clear(&mut self) {
        self.chats.clear();
    }

    /// Whether this refusal makes it a restriction: of so many chats, for longer than `rest_ms`.
    fn add(&mut self, chat: &ChatId, now_ms: i64, rest_ms: i64) -> bool {
        if self.chats.is_empty() {
            self.since_ms = now_ms;
        }
        if self.chats.len() < CHATS && !self.chats.contains(chat) {
            self.chats.push(chat.clone());
        }
        self.chats.len() >= CHATS && now_ms - self.since_ms >= rest_ms
    }
}

impl Sender {
    /// Pauses the queue when WhatsApp refuses whatever is sent: going on would make it worse. A person resumes it.
    pub(super) async fn note_refusal(
        &mut self,
        message: &OutboundMessage,
        reason: &Reason,
    ) -> Result<(), DeliveryError> {
        let (session, services) = (&self.session, &self.services);
        let now_ms = services.clock.steady_ms();
        let rest_ms = i64::try_from(services.settings.queue.circuit_open_s * 1000).unwrap_or(i64::MAX);
        let is_restriction =
            reason.code == CODE || reason.code == "refused" && self.refusals.add(&message.chat, now_ms, rest_ms);
        if !is_restriction {
            return Ok(());
        }
        self.refusals.clear();
        let cause = PauseCause::WhatsappRestricted;
        services.store.pauses().pause(Some(session), cause, services.clock.now_ms()).await?;
        services.queue.set_pause(session, Some(cause)).await?;
        let payload = json!({ "session": session, "all": false, "cause": cause.as_str() });
        services.events.publish(NewEvent { kind: EventKind::QueuePaused, session: session.clone(), payload }).await?;
        let text = format!(
            "WhatsApp refuses what '{session}' sends, to whomever: the account seems to be restricted. Its queue is paused and \
             nothing is lost. Look at the phone; when it may send again, POST /api/queue/resume?session={session}"
        );
        services.events.alert(session, Alert::raised(CODE, Severity::Critical, text)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(number: u8) -> ChatId {
        format!("1555000000{number}@c.us").parse().expect("a chat")
    }

    #[test]
    fn one_chat_that_is_refused_is_no_restriction_and_three_are_after_a_rest() {
        let mut refusals = Refusals::default();
        assert!((0..9).all(|number| !refusals.add(&chat(1), number * 60_000, 60_000)));
        assert!(!refusals.add(&chat(2), 540_000, 60_000));
        assert!(refusals.add(&chat(3), 540_001, 60_000));
        refusals.clear();
        assert!((1..9).all(|number| !refusals.add(&chat(number), 600_000, 60_000)), "a hiccup");
        assert!(!refusals.add(&chat(1), 659_999, 60_000));
        assert!(refusals.add(&chat(1), 660_000, 60_000));
    }
}
