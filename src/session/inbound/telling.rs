//! Messages become rows and events: those that follow each other in one commit, each once.

use serde_json::Value;
use tracing::{debug, error, warn};

use super::{Inbound, LAST_TRIES, STORE_PAUSE, limit::Verdict};
use crate::{
    model::{EventKind, MessageId, NewEvent, SessionOptions},
    page::Incoming,
    session::payload,
    store::{NewInbound, StoreError, TakenIn},
};

/// Something that is to be told.
pub(super) struct Telling {
    new: NewInbound,
    /// None: it is kept and not told.
    events: Vec<NewEvent>,
    /// The message, if its sender is to hear that it was one too many.
    one_too_many: Option<Incoming>,
}

/// What a session leaves out; not known when the database does not answer, then nothing is.
pub(super) enum LeftOut {
    By(SessionOptions),
    Nothing,
    /// The session is gone.
    Everything,
}

impl LeftOut {
    pub(super) fn takes(&self, chat: &str) -> bool {
        match self {
            Self::By(options) => options.leaves_out(chat),
            Self::Nothing => false,
            Self::Everything => true,
        }
    }
}

impl Inbound {
    /// Tells messages in their order, together.
    pub(super) async fn hear_messages(&mut self, messages: Vec<Incoming>) {
        if messages.is_empty() {
            return;
        }
        let left_out = self.left_out().await;
        let mut tellings = Vec::with_capacity(messages.len());
        for message in messages {
            if !left_out.takes(message.key.remote()) {
                tellings.extend(self.telling(message, None).await);
            }
        }
        self.take_in(tellings).await;
    }

    /// Tells a message with the file that came with it, as WAHA shows it.
    pub(super) async fn hear_with_file(&mut self, message: Incoming, media: Value) {
        if self.left_out().await.takes(message.key.remote()) {
            return;
        }
        let telling = self.telling(message, Some(media)).await;
        self.take_in(telling.into_iter().collect()).await;
    }

    /// Tells something that is no message, by its row and its one event.
    pub(super) async fn hear_row(&mut self, new: NewInbound, kind: EventKind) {
        let event = NewEvent { kind, session: self.session.clone(), payload: new.payload.clone() };
        self.take_in(vec![Telling { new, events: vec![event], one_too_many: None }]).await;
    }

    /// None for one of drover's own.
    async fn telling(&mut self, message: Incoming, media: Option<Value>) -> Option<Telling> {
        if self.is_drovers(&message).await {
            return None;
        }
        let mut payload = payload::incoming(&message);
        if let Some(media) = media {
            payload["mediaUrl"] = media["url"].as_str().unwrap_or_default().into();
            payload["media"] = media;
        }
        let mut kinds = vec![EventKind::MessageAny];
        let mut is_first_beyond = false;
        if !message.key.from_me() {
            kinds.insert(0, EventKind::Message);
            match self.limit.count(message.sender(), message.timestamp) {
                Verdict::Within => {}
                Verdict::FirstBeyond => (kinds, is_first_beyond) = (Vec::new(), true),
                Verdict::Beyond => kinds = Vec::new(),
            }
        }
        let event = |kind| NewEvent { kind, session: self.session.clone(), payload: payload.clone() };
        let events = kinds.into_iter().map(event).collect();
        let new = NewInbound {
            session: self.session.clone(),
            key: message.key.clone(),
            sender: message.sender().to_owned(),
            kind: message.kind.clone(),
            body: message.body.clone(),
            sent_at_s: message.timestamp,
            payload,
        };
        Some(Telling { new, events, one_too_many: is_first_beyond.then_some(message) })
    }

    /// Commits them with their events, for as long as it takes.
    async fn take_in(&mut self, tellings: Vec<Telling>) {
        if tellings.is_empty() {
            return;
        }
        let window_s = i64::from(self.services.settings.inbound.duplicate_window_s);
        let mut tries = 0;
        let taken = loop {
            let arrivals = tellings.iter().map(|telling| (telling.new.clone(), telling.events.clone())).collect();
            match self.services.events.take_in(arrivals, window_s).await {
                Ok(taken) => break taken,
                Err(failure) => {
                    error!(error = %failure, "what came in was not stored; it is tried again");
                    tries += 1;
                    // The page has it, and the cursor is before it: the next start finds it.
                    if tries >= LAST_TRIES && (self.arrivals.is_closed() || matches!(failure, StoreError::Closed)) {
                        return;
                    }
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        };
        for (telling, taken) in tellings.into_iter().zip(taken) {
            self.taken(telling, &taken).await;
        }
    }

    async fn taken(&self, telling: Telling, taken: &TakenIn) {
        let session = self.session.to_string();
        let step = match taken {
            TakenIn::Known => "id",
            TakenIn::SaidBefore => "words",
            TakenIn::New(_) => {
                metrics::counter!("drover_inbound_total", "session" => session.clone()).increment(1);
                if telling.events.is_empty() {
                    metrics::counter!("drover_inbound_limited_total", "session" => session).increment(1);
                }
                if let Some(message) = telling.one_too_many {
                    self.answer_too_many(&message).await;
                }
                return;
            }
        };
        debug!(id = telling.new.key.id(), step, "it came before");
        metrics::counter!("drover_inbound_duplicates_total", "step" => step).increment(1);
    }

    /// What the session's `config.ignore` leaves out.
    pub(super) async fn left_out(&self) -> LeftOut {
        match self.services.store.sessions().get(&self.session).await {
            Ok(Some(record)) => LeftOut::By(SessionOptions::of(&record.config)),
            Ok(None) => LeftOut::Everything,
            Err(failure) => {
                warn!(error = %failure, "the session's config cannot be read: nothing is left out");
                LeftOut::Nothing
            }
        }
    }

    /// A page that was started anew no longer knows which messages were drover's.
    async fn is_drovers(&self, message: &Incoming) -> bool {
        if !message.key.from_me() {
            return false;
        }
        let Ok(id) = message.key.id().parse::<MessageId>() else { return false };
        let found = self.services.store.messages().get(&id).await;
        matches!(found, Ok(Some(sent)) if sent.session == self.session)
    }
}
