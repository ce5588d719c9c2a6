//! Sends that wait for an acknowledgement. Pure.
//!
//! A single message that is never acknowledged proves nothing: its recipient may be the trouble. Nothing acknowledged at all,
//! since the oldest of them was begun, does.

use std::collections::BTreeMap;

use crate::model::MessageId;

/// How many are remembered; what is beyond would be younger, and the oldest decides.
const KEPT: usize = 256;

/// What the sender says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SendSign {
    /// The page is being told to send it; told again for each further try.
    Began(MessageId),
    /// The server has it.
    Acked(MessageId),
    /// It is not waited for any more, whatever became of it.
    Over(MessageId),
}

/// The sends of one page that wait.
#[derive(Debug, Default)]
pub(super) struct PendingSends {
    began_ms: BTreeMap<MessageId, i64>,
    acked_ms: Option<i64>,
}

impl PendingSends {
    /// Takes a sign of the sender's; true when it is an acknowledgement.
    pub(super) fn hear(&mut self, sign: SendSign, now_ms: i64) -> bool {
        match sign {
            SendSign::Began(id) if self.began_ms.len() < KEPT => {
                self.began_ms.entry(id).or_insert(now_ms);
            }
            SendSign::Began(_) => {}
            SendSign::Acked(id) => {
                self.began_ms.remove(&id);
                self.hear_ack(now_ms);
                return true;
            }
            SendSign::Over(id) => {
                self.began_ms.remove(&id);
            }
        }
        false
    }

    /// Something was acknowledged.
    pub(super) fn hear_ack(&mut self, now_ms: i64) {
        self.acked_ms = Some(now_ms);
    }

    /// Another page: what the one before was told, this one has not failed to send.
    pub(super) fn forget(&mut self) {
        self.began_ms.clear();
    }

    /// When the oldest send was begun that no acknowledgement has followed.
    pub(super) fn waiting_since_ms(&self) -> Option<i64> {
        let is_unproven = |began_ms: &i64| self.acked_ms.is_none_or(|acked_ms| *began_ms > acked_ms);
        self.began_ms.values().copied().filter(is_unproven).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_send_without_any_ack_since_counts() {
        let [first, second] = [MessageId::choose(), MessageId::choose()];
        let mut pending = PendingSends::default();
        assert_eq!(pending.waiting_since_ms(), None);
        pending.hear(SendSign::Began(first.clone()), 10);
        pending.hear(SendSign::Began(second.clone()), 20);
        pending.hear(SendSign::Began(first.clone()), 30);
        assert_eq!(pending.waiting_since_ms(), Some(10), "a further try does not make it younger");
        assert!(pending.hear(SendSign::Acked(second.clone()), 40));
        assert_eq!(pending.waiting_since_ms(), None, "the other one's ack proves that it can send");
        pending.hear(SendSign::Began(first.clone()), 50);
        assert_eq!(pending.waiting_since_ms(), None, "one message without an ack proves nothing");
        pending.hear(SendSign::Began(second.clone()), 60);
        assert_eq!(pending.waiting_since_ms(), Some(60));
        pending.hear(SendSign::Over(second), 70);
        assert_eq!(pending.waiting_since_ms(), None);
        pending.forget();
        pending.hear(SendSign::Began(first), 80);
        assert_eq!(pending.waiting_since_ms(), Some(80), "another page has to prove itself anew");
    }
}
