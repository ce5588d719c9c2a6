//! Whether somebody has a number: WhatsApp's answers are kept for a day, so that it is not asked before every first message.

use tracing::warn;

use super::services::Services;
use crate::{model::ChatId, store::CheckedNumber};

const KEPT_MS: i64 = 24 * 3600 * 1000;
/// So many answers are kept at most, the newest.
const KEPT: u32 = 200_000;
/// Of so many new answers, one clears the old ones away.
const PRUNE_EVERY: u64 = 256;

impl Services {
    /// What WhatsApp answered lately for the number by which a chat is named. A database that does not answer knows nothing.
    pub(super) async fn known_number(&self, chat: &ChatId) -> Option<CheckedNumber> {
        let phone = chat.phone()?;
        let known = self.store.numbers().get(&phone, self.clock.now_ms() - KEPT_MS).await;
        let known = known.unwrap_or_else(|error| {
            warn!(%error, "what is known of a number cannot be read");
            None
        });
        let result = if known.is_some() { "hit" } else { "miss" };
        metrics::counter!("drover_number_cache_total", "result" => result).increment(1);
        known
    }

    /// Keeps what WhatsApp answered.
    pub(super) async fn note_number(&self, chat: &ChatId, found: Option<ChatId>) {
        let Some(phone) = chat.phone() else { return };
        let (numbers, now_ms) = (self.store.numbers(), self.clock.now_ms());
        let checked = CheckedNumber { chat: found, checked_at_ms: now_ms };
        let mut kept = numbers.put(&phone, &checked).await;
        if kept.is_ok() && rand::random_range(0..PRUNE_EVERY) == 0 {
            kept = numbers.prune(now_ms - KEPT_MS, KEPT).await.map(drop);
        }
        if let Err(error) = kept {
            warn!(%error, "what WhatsApp answered for a number is not kept");
        }
    }
}
