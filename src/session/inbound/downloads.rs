//! The files of received messages: out of the page in parts, onto the disk, before the message is told. What comes after in the
//! same chat waits for it, other chats do not.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tracing::{Instrument, warn};

use super::{Inbound, message_key};
use crate::{
    config,
    media::{self, FileError, FileStore, Kind, Label, Naming},
    model::{MessageKey, SessionName, SessionOptions},
    page::{Arrival, Incoming, PageError, WhatsAppPage, inbound::MediaSeen, questions},
};

/// How long a download may take, from WhatsApp's servers onto the disk.
const LIMIT: Duration = Duration::from_secs(120);
/// How many at a time; each has its file once in the page's memory.
const AT_ONCE: usize = 3;

/// What is under way, and what waits for it.
pub(super) struct Downloads {
    pub(super) tasks: JoinSet<(Incoming, Value)>,
    waiting: HashMap<String, VecDeque<Arrival>>,
    permits: Arc<Semaphore>,
}

impl Default for Downloads {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), waiting: HashMap::new(), permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// A file did not come.
#[derive(Debug, thiserror::Error)]
enum DownloadError {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("it is larger ({bytes} bytes) than drover takes ({limit_bytes} bytes)")]
    TooLarge { bytes: u64, limit_bytes: u64 },
    #[error("the session's page is gone")]
    NoPage,
}

impl DownloadError {
    /// For the metrics.
    fn cause(&self) -> &'static str {
        match self {
            Self::Page(PageError::Timeout(_)) => "timeout",
            Self::Page(_) => "page",
            Self::File(FileError::TooLarge { .. }) | Self::TooLarge { .. } => "too_large",
            Self::File(_) => "storage",
            Self::NoPage => "no_page",
        }
    }
}

impl Downloads {
    /// Whether a message may have to wait: for its own file, or behind another one's in its chat.
    pub(super) fn concern(&self, message: &Incoming) -> bool {
        message.details.media.is_some() || self.waiting.contains_key(message.key.remote())
    }
}

impl Inbound {
    /// Tells an arrival when its turn in its chat has come.
    pub(super) async fn hear_in_turn(&mut self, arrival: Arrival) {
        if let Some(chat) = message_key(&arrival).map(MessageKey::remote)
            && let Some(waiting) = self.downloads.waiting.get_mut(chat)
        {
            waiting.push_back(arrival);
            return;
        }
        match arrival {
            Arrival::Message(message) if message.details.media.is_some() && self.wants_file(&message).await => {
                self.downloads.waiting.insert(message.key.remote().to_owned(), VecDeque::new());
                self.begin_download(message);
            }
            Arrival::Message(message) => self.hear_messages(vec![message]).await,
            other => self.hear_happening(other).await,
        }
    }

    /// A file came, or did not: the message is told, and what waited behind it.
    pub(super) async fn end_download(&mut self, (message, media): (Incoming, Value)) {
        let chat = message.key.remote().to_owned();
        self.hear_with_file(message, media).await;
        let mut due = self.downloads.waiting.remove(&chat).unwrap_or_default();
        while let Some(arrival) = due.pop_front() {
            self.hear_in_turn(arrival).await;
            if let Some(waiting) = self.downloads.waiting.get_mut(&chat) {
                waiting.extend(due);
                return;
            }
        }
    }

    /// Not of what is not told: left out, known already, or not wanted by the session.
    async fn wants_file(&self, message: &Incoming) -> bool {
        let store = &self.services.store;
        let default = self.services.settings.inbound.download_media;
        let wanted = match store.sessions().get(&self.session).await {
            Ok(Some(record)) => {
                let options = SessionOptions::of(&record.config);
                !options.leaves_out(message.key.remote()) && options.download_media.unwrap_or(default)
            }
            Ok(None) => false,
            Err(_) => default,
        };
        wanted && !matches!(store.inbound().find(&self.session, message.key.id()).await, Ok(Some(_)))
    }

    fn begin_download(&mut self, message: Incoming) {
        let page = self.sendable.borrow().clone();
        let (session, permits) = (self.session.clone(), Arc::clone(&self.downloads.permits));
        let (store, limits) = (self.services.files.store.clone(), self.services.settings.media.clone());
        let work = async move {
            let seen = message.details.media.clone().unwrap_or_else(MediaSeen::unknown);
            let download =
                Download { session: &session, message: &message, seen: &seen, store: &store, limits: &limits };
            let result = match (permits.acquire().await, page) {
                (Ok(_permit), Some(page)) => download.run(&*page).await,
                _ => Err(DownloadError::NoPage),
            };
            let media = result.unwrap_or_else(|error| {
                warn!(id = message.key.id(), %error, "the file of a received message did not come");
                metrics::counter!("drover_inbound_media_failures_total", "cause" => error.cause()).increment(1);
                json!({ "url": null, "mimetype": seen.mimetype, "filename": seen.filename, "error": error.to_string() })
            });
            (message, media)
        };
        self.downloads.tasks.spawn(work.in_current_span());
    }
}

/// One file.
struct Download<'d> {
    session: &'d SessionName,
    message: &'d Incoming,
    seen: &'d MediaSeen,
    store: &'d FileStore,
    limits: &'d config::Media,
}

impl Download<'_> {
    /// WAHA's `media`.
    async fn run(&self, page: &dyn WhatsAppPage) -> Result<Value, DownloadError> {
        let limit_bytes = kind_of(&self.message.kind).max_bytes(self.limits);
        if let Some(bytes) = self.seen.size.filter(|bytes| *bytes > limit_bytes) {
            return Err(DownloadError::TooLarge { bytes, limit_bytes });
        }
        let began = Instant::now();
        let mut file = self.store.begin(limit_bytes).await?;
        let fetched = tokio::time::timeout(LIMIT, self.fetch(page, &mut file)).await;
        questions::download_over(page, &self.message.key).await;
        fetched.unwrap_or(Err(PageError::Timeout(LIMIT).into()))?;
        let label = Label {
            naming: Naming::Received(self.message.key.id()),
            mime: Some(&self.seen.mimetype),
            file_name: self.seen.filename.as_deref(),
        };
        let stored = file.finish(self.session, &label).await?;
        metrics::counter!("drover_inbound_media_bytes_total").increment(stored.bytes);
        metrics::histogram!("drover_inbound_media_seconds").record(began.elapsed());
        Ok(json!({
            "url": format!("/api/files/{}/{}", self.session, stored.name),
            "mimetype": stored.mime,
            "filename": stored.file_name,
        }))
    }
}

impl Download<'_> {
    async fn fetch(&self, page: &dyn WhatsAppPage, file: &mut media::Incoming) -> Result<(), DownloadError> {
        let bytes = questions::download(page, &self.message.key).await?;
        while file.bytes() < bytes {
            let part = questions::download_part(page, &self.message.key, file.bytes()).await?;
            if part.is_empty() {
                return Err(PageError::Refused("the page has no more of the file".to_owned()).into());
            }
            file.append(&part).await?;
        }
        Ok(())
    }
}

fn kind_of(kind: &str) -> Kind {
    match kind {
        "image" => Kind::Image,
        "video" | "ptv" => Kind::Video,
        "audio" => Kind::Audio,
        "ptt" => Kind::Voice,
        "sticker" => Kind::Sticker,
        _ => Kind::Document,
    }
}
