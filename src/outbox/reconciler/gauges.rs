//! What waits, as metrics: depth by session and priority, and the age of the oldest.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use metrics::gauge;

use crate::{
    model::{Priority, SessionName, SessionRecord},
    store::Waiting,
};

/// Knows whom it has shown, so that a deleted session falls to zero.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    shown: Mutex<HashSet<SessionName>>,
}

impl Gauges {
    /// Shows what waits of these sessions, and of those that were there before.
    pub(super) fn show(&self, waiting: &[Waiting], sessions: &[SessionRecord], now_ms: i64) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let names: HashSet<_> = sessions.iter().map(|session| session.name.clone()).collect();
        let rows: HashMap<_, _> = waiting.iter().map(|row| ((&row.session, row.priority), row)).collect();
        for name in names.union(&shown) {
            let mut oldest_ms = now_ms;
            for (priority, label) in [(Priority::High, "high"), (Priority::Normal, "normal"), (Priority::Low, "low")] {
                let row = rows.get(&(name, priority));
                oldest_ms = oldest_ms.min(row.map_or(now_ms, |row| row.oldest_ms));
                #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; nothing waits 2^53 times")]
                let messages = row.map_or(0, |row| row.messages) as f64;
                gauge!("drover_queue_depth", "session" => name.to_string(), "priority" => label).set(messages);
            }
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a wait fit")]
            let age_s = (now_ms - oldest_ms) as f64 / 1000.0;
            gauge!("drover_queue_oldest_seconds", "session" => name.to_string()).set(age_s);
        }
        *shown = names;
    }
}
