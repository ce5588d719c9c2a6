//! Putting a backup into an empty data folder: read as a whole and held against its manifest first, then moved into its place.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{
    BackupError, Unlock, archive,
    collect::{ADMIN_KEY, DATABASE, LOGINS, SETTINGS},
    login::{is_needed, write_new},
    manifest::Manifest,
    seal,
};
use crate::{
    model::SessionName,
    store::{self, Engine, SQLITE_FILE},
};

/// Where a file system keeps what it found; a new volume has it.
const LOST_AND_FOUND: &str = "lost+found";

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup said of itself.
    pub manifest: Manifest,
    /// Where the settings lie now, for a person to look at.
    pub settings: Option<PathBuf>,
}

/// Restores a backup into a data folder that is empty, or not there; `database_url` is where the database will be. Either all of
/// it is there at the end, or nothing.
///
/// # Errors
/// When the folder or the database is in use, the backup cannot be opened or is not whole, or something cannot be written.
pub async fn restore(
    backup: &Path,
    unlock: Unlock,
    data_dir: &Path,
    database_url: &str,
) -> Result<Restored, BackupError> {
    require_empty(data_dir)?;
    store::require_empty(database_url).await?;
    let made = Made::begin(data_dir)?;
    let staging = made.staging.path().to_owned();
    let (backup, unpacked) = (backup.to_owned(), staging.clone());
    let unpacking = tokio::task::spawn_blocking(move || unpack(&backup, &unlock, &unpacked));
    let manifest = unpacking.await.unwrap_or_else(|error| Err(BackupError::BrokenOff(error.to_string())))?;
    bring_database(&manifest, &staging, database_url).await?;
    let settings = move_into_place(&staging, data_dir)?;
    made.keep();
    Ok(Restored { manifest, settings })
}

/// What a restore made until now; dropped, it is gone.
struct Made {
    staging: tempfile::TempDir,
    /// The data folder, if it was not there.
    folder: Option<PathBuf>,
}

impl Made {
    fn begin(data_dir: &Path) -> Result<Self, BackupError> {
        let folder = (!data_dir.is_dir()).then(|| data_dir.to_owned());
        DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(BackupError::file(data_dir))?;
        let staging = tempfile::Builder::new().prefix(".restoring-").tempdir_in(data_dir);
        Ok(Self { staging: staging.map_err(BackupError::file(data_dir))?, folder })
    }

    fn keep(mut self) {
        self.folder = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else { return };
        // The staging folder is in it, and nothing else: it was made for this.
        let _ = fs::remove_dir_all(self.staging.path());
        let _ = fs::remove_dir(folder);
    }
}

fn require_empty(data_dir: &Path) -> Result<(), BackupError> {
    let entries = match fs::read_dir(data_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(BackupError::File { path: data_dir.to_owned(), source }),
    };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.into_iter().find(|name| name != LOST_AND_FOUND) {
        Some(found) => Err(BackupError::NotEmpty { path: data_dir.to_owned(), found }),
        None => Ok(()),
    }
}

fn unpack(backup: &Path, unlock: &Unlock, staging: &Path) -> Result<Manifest, BackupError> {
    archive::check(seal::open(backup, unlock)?, |path, content| {
        if !is_ours(path) {
            return Err(BackupError::Damaged(format!("{path} is no part of a backup")));
        }
        write_new(&staging.join(path), content)
    })
}

/// Whether a backup has such a part.
fn is_ours(path: &str) -> bool {
    match path.split_once('/') {
        None => path == ADMIN_KEY,
        Some((LOGINS, rest)) => rest
            .split_once('/')
            .is_some_and(|(session, file)| session.parse::<SessionName>().is_ok() && is_needed(file)),
        Some((DATABASE | SETTINGS, file)) => !file.contains('/'),
        Some(_) => false,
    }
}

async fn bring_database(manifest: &Manifest, staging: &Path, url: &str) -> Result<(), BackupError> {
    match (manifest.database.as_str(), Engine::of(url)?) {
        ("sqlite", Engine::Sqlite) => {
            let (from, to) = (staging.join(DATABASE).join(SQLITE_FILE), store::sqlite_file(url)?);
            // The settings may name a file on another file system.
            fs::rename(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop)).map_err(BackupError::file(to))
        }
        ("postgres", Engine::Postgres) => Ok(store::load_postgres_snapshot(url, &staging.join(DATABASE)).await?),
        ("sqlite", Engine::Postgres) => Err(BackupError::OtherDatabase {
            backup: "SQLite",
            settings: "PostgreSQL",
            advice: "unset DATABASE_URL for the restore and for the drover that runs on it",
        }),
        ("postgres", Engine::Sqlite) => Err(BackupError::OtherDatabase {
            backup: "PostgreSQL",
            settings: "SQLite",
            advice: "set DATABASE_URL to an empty PostgreSQL database",
        }),
        (other, _) => Err(BackupError::Damaged(format!("it is of a database '{other}'"))),
    }
}

fn move_into_place(staging: &Path, data_dir: &Path) -> Result<Option<PathBuf>, BackupError> {
    let place = |from: &str, to: &str| -> Result<Option<PathBuf>, BackupError> {
        let (from, to) = (staging.join(from), data_dir.join(to));
        if !from.exists() {
            return Ok(None);
        }
        fs::rename(&from, &to).map_err(BackupError::file(&to))?;
        Ok(Some(to))
    };
    place(LOGINS, "profiles")?;
    place(ADMIN_KEY, ADMIN_KEY)?;
    let settings = place(SETTINGS, "restored-settings")?;
    File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(BackupError::file(data_dir))?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backup::{Collection, Lock, Places, login::tests::profile, seal},
        store::{Store, sqlite_url},
    };

    const PASSPHRASE: &str = "a passphrase of this test";

    async fn backup(folder: &Path) -> PathBuf {
        let data_dir = folder.join("data");
        fs::create_dir(&data_dir).expect("made");
        fs::write(data_dir.join("admin.key"), "key").expect("written");
        fs::write(folder.join("drover.toml"), "[http]\n").expect("written");
        let database_url = sqlite_url(&data_dir.join("drover.db"));
        Store::open(&database_url).await.expect("a database").close().await;
        let settings = vec![folder.join("drover.toml"), folder.join(".env")];
        let mut collection =
            Collection::begin(Places { data_dir: data_dir.clone(), database_url, settings }).expect("begun");
        let session: SessionName = "main".parse().expect("a name");
        collection.add_login(&session, &profile(folder)).expect("copied");
        let (to, collected) = (folder.join("backup"), collection.finish(1).await.expect("gathered"));
        let mut tar = Vec::new();
        collected.write(&mut tar).expect("written");
        assert!(!data_dir.join(".backup").exists() && !data_dir.join(".backup.lock").exists());
        seal(tar.as_slice(), &Lock::of_passphrase(PASSPHRASE).expect("one"), &to).expect("sealed");
        to
    }

    async fn restored(backup: &Path, passphrase: &str, data_dir: &Path) -> Result<Restored, BackupError> {
        let unlock = Unlock::of_passphrase(passphrase).expect("one");
        restore(backup, unlock, data_dir, &sqlite_url(&data_dir.join("drover.db"))).await
    }

    #[tokio::test]
    async fn what_was_backed_up_is_restored_into_an_empty_folder_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let backup = backup(folder.path()).await;
        let to = folder.path().join("new");
        let done = restored(&backup, PASSPHRASE, &to).await.expect("restored");
        assert_eq!((done.manifest.sessions.as_slice(), done.manifest.missing.len()), (&["main".to_owned()][..], 0));
        for path in [
            "admin.key",
            "drover.db",
            "restored-settings/drover.toml",
            "profiles/main/Default/Local Storage/leveldb/000003.log",
        ] {
            assert!(to.join(path).is_file(), "{path}");
        }
        let names: Vec<_> = fs::read_dir(&to).expect("readable").filter_map(Result::ok).collect();
        assert_eq!(names.len(), 4, "nothing else is there: {names:?}");
        assert!(matches!(restored(&backup, PASSPHRASE, &to).await, Err(BackupError::NotEmpty { .. })));
    }

    #[tokio::test]
    async fn what_cannot_be_used_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let backup = backup(folder.path()).await;
        let to = folder.path().join("new");
        let refused = restored(&backup, "another passphrase", &to).await.expect_err("refused");
        assert!(matches!(refused, BackupError::WrongKey), "{refused}");
        let whole = fs::read(&backup).expect("readable");
        let mut changed = whole.clone();
        let at = whole.len() - 20;
        changed[at] ^= 1;
        for damaged in [changed, whole[..whole.len() - 1].to_vec(), whole[..whole.len() / 2].to_vec(), Vec::new()] {
            fs::write(&backup, &damaged).expect("written");
            let refused = restored(&backup, PASSPHRASE, &to).await.expect_err("refused");
            assert!(matches!(refused, BackupError::Damaged(_)), "{refused}");
            assert!(!to.exists(), "nothing was written");
        }
    }

    #[test]
    fn only_parts_of_a_backup_are_unpacked() {
        assert!(is_ours("admin.key") && is_ours("database/drover.db") && is_ours("settings/drover.toml"));
        assert!(is_ours("logins/main/Default/IndexedDB/x"));
        for path in [
            "x",
            "profiles/x",
            "database/a/b",
            "logins/main/Default/x",
            "logins/../x/y",
            "logins/a b/Default/IndexedDB/x",
        ] {
            assert!(!is_ours(path), "{path}");
        }
    }
}
