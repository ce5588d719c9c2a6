//! Gathering the parts of a backup in a folder of the data folder, where logins lie anyway, so that each session is disturbed
//! only while its login is copied.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{
    BackupError, LoginFiles, archive,
    manifest::{Manifest, Missing},
};
use crate::{
    host::{FileLock, TryLock},
    model::SessionName,
    store::{self, Engine},
};

/// The folder, and its lock beside it.
const FOLDER: &str = ".backup";
const LOCK: &str = ".backup.lock";
/// In the archive.
pub(super) const LOGINS: &str = "logins";
pub(super) const DATABASE: &str = "database";
pub(super) const SETTINGS: &str = "settings";
pub(super) const ADMIN_KEY: &str = "admin.key";

/// What there is to back up.
#[derive(Debug, Clone)]
pub struct Places {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The address of the database.
    pub database_url: String,
    /// drover.toml and `.env`, where they are.
    pub settings: Vec<PathBuf>,
}

/// A backup that is being gathered. One at a time; dropped, nothing of it stays.
#[derive(Debug)]
pub struct Collection {
    places: Places,
    folder: Folder,
    sessions: Vec<String>,
    missing: Vec<Missing>,
}

/// A backup that was gathered.
#[derive(Debug)]
pub struct Collected {
    folder: Folder,
    manifest: Manifest,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    lock: Option<FileLock>,
}

impl Collection {
    /// Begins. What a backup that was killed left is removed.
    ///
    /// # Errors
    /// When another backup is under way, or the data folder cannot be written to.
    pub fn begin(places: Places) -> Result<Self, BackupError> {
        let path = places.data_dir.join(FOLDER);
        let lock = places.data_dir.join(LOCK);
        let lock = match FileLock::try_lock(&lock).map_err(BackupError::file(&lock))? {
            TryLock::Taken(lock) => lock,
            TryLock::HeldBy(_) => {
                return Err(BackupError::BrokenOff("another backup is under way: wait for its end".to_owned()));
            }
        };
        let folder = Folder { path: path.clone(), lock: Some(lock) };
        remove_if_there(&path).map_err(BackupError::file(&path))?;
        DirBuilder::new().mode(0o700).create(&path).map_err(BackupError::file(&path))?;
        Ok(Self { places, folder, sessions: Vec::new(), missing: Vec::new() })
    }

    /// Copies the login in a profile that no browser has; a session without one has nothing to copy. Blocks.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn add_login(&mut self, session: &SessionName, profile: &Path) -> Result<(), BackupError> {
        let Ok(files) = LoginFiles::of(profile) else { return Ok(()) };
        if let Some(pid) = files.holder()? {
            return Err(BackupError::InUse { path: profile.to_owned(), by: format!("process {pid}") });
        }
        files.copy_to(&self.folder.path.join(LOGINS).join(session.as_str()))?;
        self.sessions.push(session.to_string());
        Ok(())
    }

    /// Notes a login that cannot be copied now.
    pub fn lacks(&mut self, session: &SessionName, reason: String) {
        self.missing.push(Missing { session: session.to_string(), reason });
    }

    /// Copies the database and the settings. After the logins: so the database knows of everything that a login has sent.
    ///
    /// # Errors
    /// When the database does not answer, or a file cannot be read or written.
    pub async fn finish(self, now_ms: i64) -> Result<Collected, BackupError> {
        let Self { places, folder, sessions, missing } = self;
        let database = folder.path.join(DATABASE);
        fs::create_dir(&database).map_err(BackupError::file(&database))?;
        store::take_snapshot(&places.database_url, &database).await?;
        for path in &places.settings {
            let name = path.file_name().unwrap_or_default();
            copy_if_there(path, &folder.path.join(SETTINGS).join(name))?;
        }
        copy_if_there(&places.data_dir.join(ADMIN_KEY), &folder.path.join(ADMIN_KEY))?;
        let database = Engine::of(&places.database_url)?.as_str().to_owned();
        let manifest = Manifest { made_at_ms: now_ms, database, sessions, missing, ..Manifest::new() };
        Ok(Collected { folder, manifest })
    }
}

impl Collected {
    /// Writes the archive, then removes what was gathered. Blocks.
    ///
    /// # Errors
    /// When a part cannot be read, or nobody takes what is written.
    pub fn write(self, to: impl Write) -> Result<(), BackupError> {
        archive::fill(&self.folder.path, self.manifest.clone(), to)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "what a backup gathered could not be removed; the next one does");
        }
        if let Some(lock) = self.lock.take() {
            lock.release();
        }
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn copy_if_there(from: &Path, to: &Path) -> Result<(), BackupError> {
    match fs::File::open(from) {
        Ok(mut file) => super::login::write_new(to, &mut file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(BackupError::File { path: from.to_owned(), source }),
    }
}
