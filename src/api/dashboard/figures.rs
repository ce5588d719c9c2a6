//! What spans sessions and takes a query: read at most once a second, however many pages are open.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    api::{problem::Answer, state::Parts},
    model::SessionName,
    store::{Paused, Store},
};

/// For how long what was read is good.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// How all queues stand.
#[derive(Debug, Default)]
pub(super) struct Figure {
    /// Messages that wait, by session; one without any is not named.
    pub(super) waiting: HashMap<SessionName, u64>,
    /// When the oldest of them was accepted (Unix milliseconds).
    pub(super) oldest_ms: Option<i64>,
    /// Dead letters, by session; one without any is not named.
    pub(super) dead: HashMap<SessionName, u64>,
    /// What is paused.
    pub(super) paused: Paused,
}

/// The last reading.
pub(super) struct Figures {
    store: Store,
    last: Mutex<Option<(Instant, Arc<Figure>)>>,
}

impl Figures {
    pub(super) fn new(parts: &Parts) -> Self {
        Self { store: parts.rooms.store.clone(), last: Mutex::new(None) }
    }

    /// How they stand, as of a second ago or later.
    pub(super) async fn read(&self) -> Answer<Arc<Figure>> {
        let mut last = self.last.lock().await;
        if let Some((_, figure)) = last.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR) {
            return Ok(Arc::clone(figure));
        }
        let messages = self.store.messages();
        let pauses = self.store.pauses();
        let (waiting, dead, paused) = tokio::try_join!(messages.waiting(), messages.dead_counts(), pauses.list())?;
        let mut figure = Figure {
            oldest_ms: waiting.iter().map(|waiting| waiting.oldest_ms).min(),
            dead: dead.into_iter().collect(),
            paused,
            waiting: HashMap::new(),
        };
        for waiting in waiting {
            *figure.waiting.entry(waiting.session).or_default() += waiting.messages;
        }
        let figure = Arc::new(figure);
        *last = Some((Instant::now(), Arc::clone(&figure)));
        Ok(figure)
    }
}
