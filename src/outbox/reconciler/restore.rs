//! What an emptied Redis forgot besides the messages: pauses, circuits, and how much of its limits a session has used.

use super::{ReconcileError, Reconciler};
use crate::{
    model::SessionName,
    queue::Used,
    store::{Paused, Recent},
};

impl Reconciler {
    /// What the database knows of a session's pace.
    pub(super) async fn used(&self, session: &SessionName) -> Result<Used, ReconcileError> {
        let now_ms = self.clock.now_ms();
        let Recent { mut in_hour, in_day, failures, last_failure_ms } =
            self.store.attempts().recent(session, now_ms).await?;
        // What was tried later than now was tried before the clock was set back: it counts as now.
        for (at_ms, _) in &mut in_hour {
            *at_ms = now_ms.min(*at_ms);
        }
        let last_failure_ms = last_failure_ms.map(|at_ms| at_ms.min(now_ms));
        let paused = self.store.pauses().list().await?.sessions.get(session).copied();
        Ok(Used { in_hour, in_day, failures, last_failure_ms, paused })
    }

    /// Brings the pause of all to what the database says.
    pub(super) async fn restore_pause_of_all(&self, paused: &Paused) -> Result<(), ReconcileError> {
        // Whoever changes it writes the database first: what is read there after Redis is the later word.
        if self.queue.are_all_paused().await? != paused.all {
            let is_paused = self.store.pauses().list().await?.all;
            if is_paused { self.queue.pause(None).await? } else { self.queue.resume(None).await? }
        }
        Ok(())
    }

    /// Brings the pause of a session to what the database says.
    pub(super) async fn restore_pause(&self, session: &SessionName, paused: &Paused) -> Result<(), ReconcileError> {
        if self.queue.paused(session).await? != paused.sessions.get(session).copied() {
            let cause = self.store.pauses().list().await?.sessions.get(session).copied();
            self.queue.set_pause(session, cause).await?;
        }
        Ok(())
    }
}
