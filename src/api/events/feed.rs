//! The events that somebody asked for, each once and in order: those of the past from the store, then live. Whoever falls
//! behind catches up from the store.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::broadcast::{self, error::RecvError};
use tracing::{Span, warn};

use super::filter::Filter;
use crate::{api::state::Parts, event::EventLog, model::Event, shutdown::Shutdown, store::StoreError};

/// How many events are read from the store at once.
const PAGE: u32 = 256;

/// Invariant: every event up to `cursor` that the filter takes was given out; those in `ready` come next.
pub(super) struct Feed {
    log: EventLog,
    filter: Filter,
    live: broadcast::Receiver<Arc<Event>>,
    ready: VecDeque<Arc<Event>>,
    cursor: i64,
    is_behind: bool,
    shutdown: Shutdown,
    /// The request's, which it outlives.
    span: Span,
}

impl Feed {
    /// What happens after the event with the number `last_id`, or from now on.
    pub(super) async fn after(parts: &Parts, filter: Filter, last_id: Option<i64>) -> Result<Self, StoreError> {
        // Listening begins before the number is read: what happens in between is heard, and skipped if it was read too.
        let live = parts.rooms.events.subscribe();
        let newest = parts.rooms.events.last_seq().await?;
        let cursor = last_id.unwrap_or(newest).min(newest);
        Ok(Self {
            log: parts.rooms.events.clone(),
            filter,
            live,
            ready: VecDeque::new(),
            cursor,
            is_behind: cursor < newest,
            shutdown: parts.shutdown.clone(),
            span: Span::current(),
        })
    }

    /// The next event; None when the server ends, or the past cannot be read: the client comes back and resumes.
    pub(super) async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.cursor = event.seq;
                return Some(event);
            }
            if self.is_behind {
                self.catch_up().await?;
                continue;
            }
            let heard = tokio::select! {
                heard = self.live.recv() => heard,
                () = self.shutdown.begun() => return None,
            };
            match heard {
                Ok(event) if event.seq > self.cursor && self.filter.takes(&event) => self.ready.push_back(event),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.is_behind = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    async fn catch_up(&mut self) -> Option<()> {
        let kinds = self.filter.kinds.as_deref().unwrap_or_default();
        if self.filter.kinds.is_some() && kinds.is_empty() {
            self.is_behind = false;
            return Some(());
        }
        match self.log.since(self.cursor, self.filter.session.as_ref(), kinds, PAGE).await {
            Ok(page) => {
                self.is_behind = page.len() >= PAGE as usize;
                self.ready.extend(page.into_iter().map(Arc::new));
                Some(())
            }
            Err(error) => {
                warn!(parent: &self.span, %error, "a stream of events ends, since the past cannot be read");
                None
            }
        }
    }
}
