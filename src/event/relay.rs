//! Copies the log into the Redis stream [`STREAM`], in the order of the numbers, for whoever listens there (docs/events.md).
//!
//! An entry's id is its event's number, so the stream itself tells how far it is: nothing is written twice, by whichever node or after
//! whichever restart, and a Redis that was away is caught up with. One that was emptied is filled again with the newest events, as many
//! as are kept.

use std::{collections::HashMap, time::Duration};

use metrics::counter;
use serde_json::json;
use tokio::{
    sync::broadcast::error::{RecvError, TryRecvError},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{About, Environment, EventLog, envelope};
use crate::{
    model::{Event, SessionName},
    redis::{CappedStream, Connections, RedisError, StreamEntry},
    store::StoreError,
};

/// The stream.
pub const STREAM: &str = "drover:events";

/// How many events are copied by one call.
const PAGE: u32 = 128;
/// What happens within this time is copied together.
const GATHER: Duration = Duration::from_millis(20);
/// How often the stream is looked at while nothing happens: it may have been emptied.
const LOOK: Duration = Duration::from_secs(30);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Copies events until it is stopped.
pub struct Relay {
    log: EventLog,
    stream: CappedStream,
    kept: u32,
    environment: Environment,
}

/// Where the copying stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The number of the stream's last entry.
    last: i64,
    /// Every event up to here was copied, or is older than what is kept.
    read: i64,
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Relay {
    /// Copies into a stream that keeps about so many events. `environment` is WAHA's, for the envelope.
    #[must_use]
    pub fn new(log: EventLog, connections: &Connections, kept: u32, environment: Environment) -> Self {
        Self { log, stream: CappedStream::new(connections, STREAM, kept), kept, environment }
    }

    /// Runs until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.copy_for_ever()).await;
    }

    async fn copy_for_ever(&self) {
        let mut heard = self.log.subscribe();
        let mut links = self.stream.link_changes();
        let mut place = None;
        let mut has_failed = false;
        loop {
            match self.copy(&mut place).await {
                Ok(has_more) => {
                    has_failed = false;
                    if has_more {
                        continue;
                    }
                }
                Err(error) => {
                    place = None;
                    // That Redis is gone its link reports.
                    let is_gone = matches!(&error, RelayError::Redis(error) if error.is_gone());
                    if !is_gone && !std::mem::replace(&mut has_failed, true) {
                        warn!(%error, "events are not copied to the stream {STREAM}; this is caught up with");
                    }
                    sleep(PAUSE).await;
                    continue;
                }
            }
            tokio::select! {
                heard = heard.recv() => if matches!(heard, Err(RecvError::Closed)) { return },
                _ = links.changed() => {}
                () = sleep(LOOK) => {}
            }
            sleep(GATHER).await;
            // They are read from the store: what was heard only says that there is something.
            while !matches!(heard.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        }
    }

    /// Copies one page; whether there may be more.
    async fn copy(&self, place: &mut Option<Place>) -> Result<bool, RelayError> {
        let at = match *place {
            Some(at) => at,
            None => self.find_place().await?,
        };
        let page = self.log.since(at.read, None, &[], PAGE).await?;
        let entries = self.entries(&page).await?;
        let expected = page.last().map_or(at.last, |event| event.seq);
        let last = self.stream.append(at.last, &entries).await?;
        if last != expected {
            // Another node was here, or the stream was emptied.
            *place = None;
            return Ok(true);
        }
        *place = Some(Place { last, read: at.read.max(last) });
        counter!("drover_event_stream_entries_total").increment(page.len() as u64);
        Ok(page.len() >= PAGE as usize)
    }

    async fn find_place(&self) -> Result<Place, RelayError> {
        let mut last = self.stream.last().await?;
        // In this order: whatever is in the stream was in the log before.
        let newest = self.log.last_seq().await?;
        if last > newest {
            warn!(
                last,
                newest, "the stream {STREAM} is of another database, or of one that was set back: it is begun anew"
            );
            self.stream.clear().await?;
            last = 0;
        }
        Ok(Place { last, read: last.max(newest - i64::from(self.kept)) })
    }

    async fn entries(&self, page: &[Event]) -> Result<Vec<StreamEntry>, StoreError> {
        let mut known: HashMap<&SessionName, About> = HashMap::new();
        let mut entries = Vec::with_capacity(page.len());
        for event in page {
            let session = &event.event.session;
            if !known.contains_key(session) {
                let record = self.log.inner.store.sessions().get(session).await?;
                known.insert(session, record.as_ref().map(About::of).unwrap_or_default());
            }
            let about = known.get(session).expect("it was put in above");
            entries.push(StreamEntry {
                number: event.seq,
                fields: [
                    ("event", event.event.kind.as_str().to_owned()),
                    ("session", session.to_string()),
                    ("data", json!(envelope(event, about, &self.environment)).to_string()),
                ],
            });
        }
        Ok(entries)
    }
}
