//! The files that drover keeps: `media/<session>/<name>` in the data folder, each with a row in the store.
//!
//! A file counts once its row is there, which is after its bytes are on the disk under their final name. What has no row is
//! what a crash left, and is removed by the next start.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Mutex, Notify};
use tracing::{info, warn};

use super::{
    FileError, FileName, Incoming, Kind,
    mime_type::{self, Claims},
    scratch::{Scratch, Whole, blocking},
};
use crate::{
    clock::Clock,
    config,
    model::{MessageId, SessionName},
    store::{MediaRecord, Store, StoreError},
};

/// What is half-way. No session has this name: theirs start with a letter or a digit.
const PARTIAL: &str = ".partial";

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name in the session's folder, and in its URL.
    pub name: FileName,
    /// Where it lies.
    pub path: PathBuf,
    /// Its type.
    pub mime: String,
    /// What people call it.
    pub file_name: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// The files that are kept. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct FileStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    settings: config::Media,
    store: Store,
    clock: Arc<dyn Clock>,
    /// Held while a name changes what it stands for, so that row and file stay together.
    names: Mutex<()>,
    /// Near the sum of all lengths; set right by each pass of the janitor.
    total_bytes: AtomicU64,
    grown: Notify,
}

impl FileStore {
    /// Opens `media/` in the data folder, makes it where it is not there, and removes what an earlier drover left half-way.
    ///
    /// # Errors
    /// When the folder cannot be used, or the database does not answer.
    pub async fn open(
        data_dir: &Path,
        settings: &config::Media,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FileError> {
        let folder = data_dir.join("media");
        let partial = folder.join(PARTIAL);
        blocking(move || {
            make_private(&partial)?;
            fs::read_dir(&partial)?.try_for_each(|entry| fs::remove_file(entry?.path()))
        })
        .await??;
        let files = Self {
            inner: Arc::new(Inner {
                folder,
                settings: settings.clone(),
                store,
                clock,
                names: Mutex::new(()),
                total_bytes: AtomicU64::new(0),
                grown: Notify::new(),
            }),
        };
        files.remove_what_is_nobodys().await?;
        Ok(files)
    }

    /// The files of sessions that are gone, and those without a row.
    async fn remove_what_is_nobodys(&self) -> Result<(), FileError> {
        let rows = self.inner.store.media_files();
        for session in rows.abandoned_sessions().await? {
            rows.remove_session(&session).await?;
        }
        let folder = self.inner.folder.clone();
        let found = blocking(move || list(&folder)).await??;
        for (session, name, path) in found {
            let row = match session.parse::<SessionName>() {
                Ok(session) => rows.get(&session, &name).await?,
                Err(_) => None,
            };
            if row.is_none() {
                info!(path = %path.display(), "a file that nobody knows is removed");
                remove_file(path).await?;
            }
        }
        Ok(())
    }

    /// The largest file of any kind that is sent or received.
    #[must_use]
    pub fn largest_bytes(&self) -> u64 {
        Kind::largest_bytes(&self.inner.settings)
    }

    /// Takes a file of at most `limit_bytes`, part by part.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub async fn begin(&self, limit_bytes: u64) -> Result<Incoming, FileError> {
        Ok(Incoming::new(self.clone(), self.scratch(limit_bytes).await?))
    }

    pub(super) async fn scratch(&self, limit_bytes: u64) -> io::Result<Scratch> {
        Scratch::create(&self.partial_folder(), limit_bytes).await
    }

    pub(super) fn partial_folder(&self) -> PathBuf {
        self.inner.folder.join(PARTIAL)
    }

    fn path(&self, session: &SessionName, name: &FileName) -> PathBuf {
        self.inner.folder.join(session.as_str()).join(name.as_str())
    }

    pub(super) async fn keep(
        &self,
        session: &SessionName,
        name: FileName,
        (mime, file_name): (String, Option<String>),
        whole: Whole,
    ) -> Result<StoredFile, FileError> {
        let path = self.path(session, &name);
        let record = MediaRecord {
            session: session.clone(),
            name: name.to_string(),
            mime,
            file_name,
            bytes: whole.bytes,
            sha256: whole.sha256.clone(),
            created_at_ms: self.inner.clock.now_ms(),
        };
        whole.sync().await?;
        let _names = self.inner.names.lock().await;
        let folder = self.inner.folder.join(session.as_str());
        blocking(move || make_private(&folder)).await??;
        whole.persist(path.clone()).await?;
        self.inner.store.media_files().put(&record).await?;
        self.inner.total_bytes.fetch_add(record.bytes, Ordering::Relaxed);
        self.inner.grown.notify_one();
        Ok(stored(name, path, record))
    }

    /// A file, if it is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, session: &SessionName, name: &FileName) -> Result<Option<StoredFile>, StoreError> {
        let record = self.inner.store.media_files().get(session, name.as_str()).await?;
        Ok(record.map(|record| stored(name.clone(), self.path(session, name), record)))
    }

    /// Looks whether a file can be sent as this kind, of the type that whoever sends it says.
    ///
    /// # Errors
    /// When it is too large for it, or something else; when the disk fails.
    pub async fn check(&self, file: &StoredFile, kind: Kind, declared: Option<&str>) -> Result<(), FileError> {
        let limit_bytes = kind.max_bytes(&self.inner.settings);
        if file.bytes > limit_bytes {
            return Err(FileError::TooLarge { limit_bytes });
        }
        let path = file.path.clone();
        let head = blocking(move || mime_type::read_head(&path)).await??;
        let declared = Some(declared.unwrap_or(&file.mime));
        let claims = Claims { declared, served: None, file_name: file.file_name.as_deref() };
        mime_type::decide(kind, claims, &head)?;
        Ok(())
    }

    /// Keeps a file until this message was sent or given up, whatever its age. Call it before the message is accepted, and
    /// within ten minutes of that.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(&self, session: &SessionName, name: &FileName, message: &MessageId) -> Result<(), StoreError> {
        self.inner.store.media_files().hold(session, name.as_str(), message, self.inner.clock.now_ms()).await
    }

    /// Removes all files of a session that was deleted.
    ///
    /// # Errors
    /// When the database or the disk fails; the next start removes what is left.
    pub async fn remove_session(&self, session: &SessionName) -> Result<(), FileError> {
        let _names = self.inner.names.lock().await;
        self.inner.store.media_files().remove_session(session.as_str()).await?;
        let folder = self.inner.folder.join(session.as_str());
        let removed = blocking(move || fs::remove_dir_all(folder)).await?;
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes a file, unless it was replaced since `record` was read.
    pub(super) async fn remove(&self, record: &MediaRecord) -> Result<(), FileError> {
        let _names = self.inner.names.lock().await;
        if !self.inner.store.media_files().remove(record).await? {
            return Ok(());
        }
        // A name that is none was never given to a file.
        let Ok(name) = record.name.parse() else { return Ok(()) };
        remove_file(self.path(&record.session, &name)).await?;
        Ok(())
    }

    /// Near the sum of all lengths.
    pub(super) fn total_bytes(&self) -> u64 {
        self.inner.total_bytes.load(Ordering::Relaxed)
    }

    /// The sum of all lengths, as the rows say it.
    pub(super) async fn count_bytes(&self) -> Result<u64, StoreError> {
        let total = self.inner.store.media_files().total_bytes().await?;
        self.inner.total_bytes.store(total, Ordering::Relaxed);
        Ok(total)
    }

    pub(super) async fn oldest_free(&self, before_ms: i64, limit: u32) -> Result<Vec<MediaRecord>, StoreError> {
        self.inner.store.media_files().oldest_free(before_ms, self.now_ms(), limit).await
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// Ends when a file came.
    pub(super) async fn grown(&self) {
        self.inner.grown.notified().await;
    }
}

fn stored(name: FileName, path: PathBuf, record: MediaRecord) -> StoredFile {
    let MediaRecord { mime, file_name, bytes, sha256, .. } = record;
    StoredFile { name, path, mime, file_name, bytes, sha256 }
}

fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Every file of every session: its folder's name, its own, and where it is.
fn list(folder: &Path) -> io::Result<Vec<(String, String, PathBuf)>> {
    let mut found = Vec::new();
    for session in fs::read_dir(folder)? {
        let session = session?;
        let name = session.file_name().to_string_lossy().into_owned();
        if name == PARTIAL || !session.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(session.path())? {
            let file = file?;
            found.push((name.clone(), file.file_name().to_string_lossy().into_owned(), file.path()));
        }
    }
    Ok(found)
}

async fn remove_file(path: PathBuf) -> io::Result<()> {
    let shown = path.display().to_string();
    match blocking(move || fs::remove_file(path)).await? {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            warn!(path = shown, %error, "a file cannot be removed");
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}
