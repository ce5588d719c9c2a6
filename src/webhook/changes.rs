//! Which sessions are being changed, and which were: how the API and the dispatcher work on the same lanes without a lock.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::hub::Hub;
use crate::model::SessionName;

/// The sessions that are being changed, and those that were and whose lanes do not follow yet.
#[derive(Debug, Default)]
pub(super) struct Changes {
    state: Mutex<State>,
    made: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How many changes of a session are under way.
    under_way: HashMap<SessionName, u32>,
    done: BTreeSet<SessionName>,
}

impl Changes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a change of a session is under way: its lanes may be ahead of its configuration.
    pub(super) fn is_under_way(&self, session: &SessionName) -> bool {
        self.state().under_way.contains_key(session)
    }

    /// Waits for changes that are done, and takes them.
    pub(super) async fn done(&self) -> BTreeSet<SessionName> {
        loop {
            let done = mem::take(&mut self.state().done);
            if !done.is_empty() {
                return done;
            }
            self.made.notified().await;
        }
    }

    /// Has a session looked at again.
    pub(super) fn again(&self, session: &SessionName) {
        self.state().done.insert(session.clone());
        self.made.notify_one();
    }
}

/// A change of a session that is under way. Dropped, however it went, the session's webhooks become what its configuration says.
#[must_use = "the change is over when this is dropped"]
pub struct Change {
    hub: Arc<Hub>,
    session: SessionName,
}

impl Change {
    pub(super) fn begin(hub: Arc<Hub>, session: SessionName) -> Self {
        *hub.changes.state().under_way.entry(session.clone()).or_default() += 1;
        Self { hub, session }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        let changes = &self.hub.changes;
        let mut state = changes.state();
        if let Some(count) = state.under_way.get_mut(&self.session) {
            *count -= 1;
            if *count == 0 {
                state.under_way.remove(&self.session);
            }
        }
        drop(state);
        changes.again(&self.session);
    }
}
