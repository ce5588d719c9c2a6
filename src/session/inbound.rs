//! What comes in to one session: told once, in order, and committed together with the events that tell of it.
//!
//! Once in three steps: a message's id is unique in the store, whichever page or replay brings it; the same words of the same
//! person within a few seconds are one message, whatever their ids; and whenever a page becomes ready it is asked for what came
//! since the session's cursor, of which the first step takes what is known. While a page is not yet caught up with, what it says
//! by itself is held, so that nothing overtakes what was missed.

mod downloads;
mod happenings;
mod limit;
mod telling;

use std::{collections::HashSet, mem, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use tracing::{info, warn};

use super::{actor::PageWatch, services::Services};
use crate::{
    model::{SessionName, SessionView},
    page::{Arrival, Incoming, WhatsAppPage, questions},
    store::StoreError,
};
use downloads::Downloads;
use limit::SenderLimit;

/// How far before the cursor a page is asked: clocks differ, and a message may be on its way longer than the next one.
const OVERLAP_S: i64 = 15 * 60;
/// How many messages a page is asked for at a time.
const PAGE_OF_MISSED: usize = 500;
/// What a page says is held no longer than this before it becomes ready.
const HOLD: Duration = Duration::from_secs(60);
/// The pause before a database that failed is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often, once the session has ended.
const LAST_TRIES: u32 = 3;
/// How many messages that wait share a commit.
const TOGETHER: usize = 32;
/// What waits for the database at most, before the page's own events do.
pub(super) const WAITING: usize = 1024;

/// Tells what comes in to one session.
pub(super) struct Inbound {
    session: SessionName,
    services: Arc<Services>,
    arrivals: mpsc::Receiver<Arrival>,
    /// The page, while the session is ready.
    sendable: PageWatch,
    view: tokio::sync::watch::Receiver<SessionView>,
    limit: SenderLimit,
    held: Held,
    downloads: Downloads,
}

/// What is not told before the page was caught up with.
#[derive(Default)]
struct Held {
    is_caught_up: bool,
    arrivals: Vec<Arrival>,
    since: Option<Instant>,
}

impl Inbound {
    pub(super) fn new(
        session: SessionName,
        services: Arc<Services>,
        arrivals: mpsc::Receiver<Arrival>,
        (sendable, view): (PageWatch, tokio::sync::watch::Receiver<SessionView>),
    ) -> Self {
        let limit = SenderLimit::new(services.settings.inbound.per_sender_per_minute);
        Self {
            session,
            services,
            arrivals,
            sendable,
            view,
            limit,
            held: Held::default(),
            downloads: Downloads::default(),
        }
    }

    /// Runs until the session's actor has ended and everything that it passed on is told.
    #[tracing::instrument(level = "error", name = "inbound", skip_all, fields(session.id = %self.session))]
    pub(super) async fn run(mut self) {
        let mut pages_end = false;
        let mut arrived = Vec::with_capacity(TOGETHER);
        loop {
            let release_at = self.held.since.map(|since| since + HOLD);
            tokio::select! {
                count = self.arrivals.recv_many(&mut arrived, TOGETHER) => {
                    if count == 0 {
                        break;
                    }
                    if self.held.is_caught_up {
                        self.hear_all(arrived.drain(..)).await;
                    } else {
                        self.held.since.get_or_insert_with(Instant::now);
                        self.held.arrivals.append(&mut arrived);
                    }
                }
                Some(Ok(downloaded)) = self.downloads.tasks.join_next(), if !self.downloads.tasks.is_empty() => {
                    self.end_download(downloaded).await;
                }
                changed = self.sendable.changed(), if !pages_end => match changed {
                    Ok(()) => self.meet_page().await,
                    Err(_) => pages_end = true,
                },
                () = tokio::time::sleep_until(release_at.unwrap_or_else(Instant::now)), if release_at.is_some() => {
                    self.release(Vec::new()).await;
                }
            }
        }
        // Files that are still on their way are left: the page has their messages, and the next start finds them.
        self.downloads.tasks.shutdown().await;
        self.release(Vec::new()).await;
    }

    /// Another page is ready, or none is.
    async fn meet_page(&mut self) {
        let page = self.sendable.borrow_and_update().clone();
        self.held.is_caught_up = false;
        let Some(page) = page else { return };
        let missed = match self.missed(&*page).await {
            Ok(missed) => missed,
            Err(failure) => {
                // The page's next readiness asks again, from the same cursor.
                warn!(error = %failure, "what came in meanwhile is not known yet");
                Vec::new()
            }
        };
        // What arrived while the page was asked stands behind what was held before.
        while let Ok(arrival) = self.arrivals.try_recv() {
            self.held.arrivals.push(arrival);
        }
        self.held.is_caught_up = true;
        self.release(missed).await;
    }

    /// What came since the cursor, oldest first. An account that was never ready before begins now: its history is no news.
    async fn missed(&self, page: &dyn WhatsAppPage) -> Result<Vec<Incoming>, MissedError> {
        let account = self.me();
        let cursors = self.services.store.inbound();
        let Some(cursor) = cursors.cursor(&self.session, &account).await? else {
            cursors.set_cursor(&self.session, &account, self.services.clock.now_ms() / 1000).await?;
            return Ok(Vec::new());
        };
        let mut since = cursor - OVERLAP_S;
        let mut missed: Vec<Incoming> = Vec::new();
        loop {
            let asked = questions::missed(page, since, PAGE_OF_MISSED).await?;
            let is_last = asked.len() < PAGE_OF_MISSED;
            let newest = asked.last().map_or(since, |message| message.timestamp);
            let known: HashSet<_> = missed.iter().map(|message| message.key.clone()).collect();
            missed.extend(asked.into_iter().filter(|message| !known.contains(&message.key)));
            if is_last || newest <= since {
                return Ok(missed);
            }
            since = newest;
        }
    }

    /// Tells what was missed and what was held, by time; at the same second in the order in which it came.
    async fn release(&mut self, missed: Vec<Incoming>) {
        let held = mem::take(&mut self.held.arrivals);
        self.held.since = None;
        let keys: HashSet<_> = held.iter().filter_map(message_key).cloned().collect();
        let count = missed.len();
        let mut due: Vec<Arrival> =
            missed.into_iter().filter(|message| !keys.contains(&message.key)).map(Arrival::Message).collect();
        due.extend(held);
        // What is done to a message comes after it: what has no time of its own stays behind what it came after.
        let mut latest = i64::MIN;
        let mut timed: Vec<(i64, Arrival)> = Vec::with_capacity(due.len());
        for arrival in due {
            let at = if let Arrival::Message(message) = &arrival { message.timestamp } else { latest };
            latest = at;
            timed.push((at, arrival));
        }
        timed.sort_by_key(|(at, _)| *at);
        if !timed.is_empty() {
            info!(missed = count, all = timed.len(), "catching up with what came in");
        }
        self.hear_all(timed.into_iter().map(|(_, arrival)| arrival)).await;
    }

    /// Tells arrivals in their order; messages that follow each other and wait for nothing are told together.
    async fn hear_all(&mut self, arrivals: impl IntoIterator<Item = Arrival>) {
        let mut messages = Vec::new();
        for arrival in arrivals {
            match arrival {
                Arrival::Message(message) if !self.downloads.concern(&message) => messages.push(message),
                other => {
                    self.hear_messages(mem::take(&mut messages)).await;
                    self.hear_in_turn(other).await;
                }
            }
            if messages.len() >= TOGETHER {
                self.hear_messages(mem::take(&mut messages)).await;
            }
        }
        self.hear_messages(messages).await;
    }

    fn me(&self) -> String {
        self.view.borrow().me.as_ref().map(|me| me.id.clone()).unwrap_or_default()
    }
}

fn message_key(arrival: &Arrival) -> Option<&crate::model::MessageKey> {
    if let Arrival::Message(message) = arrival { Some(&message.key) } else { None }
}

/// What was missed is not known.
#[derive(Debug, thiserror::Error)]
enum MissedError {
    #[error(transparent)]
    Page(#[from] crate::page::PageError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
