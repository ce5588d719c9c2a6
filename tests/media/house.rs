//! A data folder with its store, and what a test begins with.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use drover::{
    clock::Clock,
    config,
    media::{Declared, FetchError, Fetcher, FileStore, Kind, MediaFile, Origin, Source},
    model::{Desired, SessionName, SessionRecord, SessionState},
    store::{Store, sqlite_url},
};
use tempfile::TempDir;

pub(crate) const START_MS: i64 = 1_700_000_000_000;

/// Stands still until it is moved.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) files: FileStore,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) session: SessionName,
    pub(crate) folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&sqlite_url(&folder.path().join("drover.db"))).await.unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
        let session: SessionName = "main".parse().unwrap();
        let record = SessionRecord {
            name: session.clone(),
            desired: Desired::Running,
            state: SessionState::Stopped,
            reason: None,
            me: None,
            web_version: None,
            config: serde_json::json!({}),
            created_at_ms: 1,
        };
        store.sessions().insert(&record).await.unwrap();
        let files = FileStore::open(folder.path(), &settings(), store.clone(), clock.clone()).await.unwrap();
        Self { store, files, clock, session, folder }
    }

    pub(crate) fn fetcher(&self, settings: &config::Media) -> Fetcher {
        Fetcher::new(settings, &network(true, &[]), &self.files).unwrap()
    }

    pub(crate) async fn fetch(&self, url: &str, kind: Kind) -> Result<MediaFile, FetchError> {
        self.fetcher(&settings()).fetch(&source(url), kind).await
    }

    /// What lies half-way in the data folder.
    pub(crate) fn partial(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("media/.partial")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The defaults, but in a hurry.
pub(crate) fn settings() -> config::Media {
    let sources = config::Sources::of(std::path::Path::new("/srv"), &[]);
    let defaults = config::load(&sources).unwrap().config.media;
    config::Media { backoff_ms: 1, stall_timeout_s: 1, fetch_timeout_s: 30, ..defaults }
}

pub(crate) fn network(allow_private: bool, allow_hosts: &[&str]) -> config::Network {
    config::Network { allow_private, allow_hosts: allow_hosts.iter().map(|host| (*host).to_owned()).collect() }
}

pub(crate) fn source(url: &str) -> Source {
    Source { origin: Origin::Url(url.to_owned()), declared: Declared::default() }
}
