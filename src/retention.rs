//! Removes rows that nobody needs any more, so that a store of years is as fast as one of days.
//!
//! Owns the ages of `[retention]`; what is removed, and what is still needed, is decided in the store: a message that is not settled, an
//! event that a webhook was not given yet and what a page could bring again stay, however old. Some rows at a time, with pauses, so that
//! nobody waits long for the database.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::{AgeClock, Clock},
    config,
    store::{Store, StoreError},
    webhook::Webhooks,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How many rows go in one transaction: SQLite has one writer, and everybody waits for it meanwhile.
const PORTION: u32 = 500;
/// Between two transactions.
const PAUSE: Duration = Duration::from_millis(100);

/// Removes what is too old, round after round.
pub struct Sweeper {
    store: Store,
    webhooks: Webhooks,
    clock: Arc<dyn Clock>,
    age: AgeClock,
    settings: config::Retention,
}

impl Sweeper {
    /// A sweeper of this store.
    #[must_use]
    pub fn new(store: Store, webhooks: Webhooks, clock: Arc<dyn Clock>, settings: config::Retention) -> Self {
        Self { store, webhooks, clock, age: AgeClock::default(), settings }
    }

    /// Sweeps now and then every hour, until it is stopped.
    pub async fn run(self, stop: CancellationToken) {
        let rounds = async {
            loop {
                if let Err(error) = self.sweep().await {
                    warn!(%error, "rows that are too old were not all removed; this is tried again in an hour");
                }
                sleep(INTERVAL).await;
            }
        };
        stop.run_until_cancelled(rounds).await;
    }

    /// One round.
    ///
    /// # Errors
    /// When the database fails; what was removed before stays so.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let rows = self.store.retention();
        if let Some(before_ms) = self.before_ms(self.settings.messages_days) {
            let mut removed = 0;
            while portion(&mut removed, rows.remove_messages(before_ms, PORTION).await?).await {}
            told("messages", removed);
            removed = 0;
            while portion(&mut removed, rows.remove_inbound(before_ms, PORTION).await?).await {}
            told("inbound", removed);
            removed = 0;
            while portion(&mut removed, rows.remove_dead_deliveries(before_ms, PORTION).await?).await {}
            told("webhook_deliveries", removed);
        }
        if let Some(before_ms) = self.before_ms(self.settings.audit_days) {
            let (audit, mut removed) = (self.store.audit(), 0);
            while portion(&mut removed, audit.remove(before_ms, PORTION).await?).await {}
            told("audit", removed);
        }
        if let Some(before_ms) = self.before_ms(self.settings.events_days) {
            let needed = self.webhooks.waiting().await?;
            let (mut removed, mut after_seq) = (0, Some(0));
            while let Some(seq) = after_seq {
                let swept = rows.remove_events(seq, before_ms, &needed, PORTION).await?;
                removed += swept.removed;
                after_seq = swept.looked_to;
                sleep(PAUSE).await;
            }
            told("events", removed);
        }
        Ok(())
    }

    /// Before when what is that old was made; None when it is kept for ever.
    fn before_ms(&self, days: u32) -> Option<i64> {
        (days > 0).then(|| self.age.now_ms(&*self.clock) - i64::from(days) * DAY_MS)
    }
}

/// Counts a portion; whether there may be another, which is waited for.
async fn portion(removed: &mut u64, count: u64) -> bool {
    *removed += count;
    let has_more = count >= u64::from(PORTION);
    if has_more {
        sleep(PAUSE).await;
    }
    has_more
}

fn told(table: &'static str, removed: u64) {
    if removed > 0 {
        counter!("drover_retention_removed_total", "table" => table).increment(removed);
        info!(table, removed, "rows were removed for their age");
    }
}
