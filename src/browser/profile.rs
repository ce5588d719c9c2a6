//! A profile: the folder that holds a login. Locked while a browser has it; beside it, a record of the browser's processes.
//!
//! `<profiles>/<session>/` is Chromium's user data folder (0700), `<session>.lock` our lock, `<session>.process` the record,
//! `<session>.tmp` a link to the browser's temporary files. The last three are there only while a browser runs, or until the next start after drover was killed.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{scratch, singleton};
use crate::{
    host::{FileLock, Orphan, ProcessIdentity, ProcessRecord, TreeTag, TryLock},
    page::LaunchError,
};

/// How long an orphan's lock may outlive the orphan.
const UNLOCK_LIMIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOCK: &str = "lock";
const RECORD: &str = "process";
const SCRATCH: &str = "tmp";

/// Chromium's own locks: they name a host and a pid, which mean nothing after a container's restart. Once it is sure that no
/// browser has the profile they may go.
const SINGLETONS: [&str; 3] = [singleton::LOCK, "SingletonCookie", "SingletonSocket"];

/// Folders of a profile that may be lost: Chromium makes them again.
const CACHES: [&str; 8] = [
    "Cache",
    "Code Cache",
    "GPUCache",
    "GPUPersistentCache",
    "DawnGraphiteCache",
    "DawnWebGPUCache",
    "ShaderCache",
    "CacheStorage",
];

/// A profile that is ours.
#[derive(Debug)]
pub(super) struct LockedProfile {
    folder: PathBuf,
    lock: FileLock,
}

impl LockedProfile {
    /// Makes the folder if need be, takes its lock, and ends what a killed drover left on it. Fails if it lives.
    pub(super) async fn lock(folder: &Path) -> Result<Self, LaunchError> {
        let unusable = |source| LaunchError::Profile { profile: folder.to_owned(), source };
        make_private(folder).map_err(unusable)?;
        let record = beside(folder, RECORD);
        let deadline = Instant::now() + UNLOCK_LIMIT;
        let mut is_orphan_ended = false;
        let lock = loop {
            match FileLock::try_lock(&beside(folder, LOCK)).map_err(unusable)? {
                TryLock::Taken(lock) => break lock,
                TryLock::HeldBy(pid) => {
                    if let Orphan::Ended { pid } = ProcessRecord::end_orphan(&record).await.map_err(unusable)? {
                        tracing::warn!(profile = %folder.display(), pid, "ended a browser that a killed drover left");
                        is_orphan_ended = true;
                    }
                    if !is_orphan_ended || Instant::now() >= deadline {
                        return Err(LaunchError::ProfileInUse { profile: folder.to_owned(), pid });
                    }
                    sleep(LOOK_EVERY).await;
                }
            }
        };
        let profile = Self { folder: folder.to_owned(), lock };
        profile.end_recorded().await.map_err(unusable)?;
        if let Some(pid) = singleton::live_holder(folder) {
            profile.lock.release();
            return Err(LaunchError::ProfileInUse { profile: folder.to_owned(), pid: Some(pid) });
        }
        profile.clear_leftovers().map_err(unusable)?;
        Ok(profile)
    }

    /// Under the lock, a browser of ours that still runs on the profile is left over.
    async fn end_recorded(&self) -> io::Result<()> {
        let record = beside(&self.folder, RECORD);
        if let Some(left) = ProcessRecord::read(&record)? {
            left.end().await;
        }
        ProcessRecord::remove(&record)
    }

    /// Takes away what says that somebody has the profile, when nobody has.
    fn clear_leftovers(&self) -> io::Result<()> {
        scratch::remove(&beside(&self.folder, SCRATCH))?;
        self.remove_singletons();
        remove_if_there(&self.active_port())
    }

    /// Takes Chromium's own locks away, with the socket's folder (outside the profile) that a killed one leaves.
    fn remove_singletons(&self) {
        if let Ok(socket) = fs::read_link(self.folder.join("SingletonSocket"))
            && let Some(folder) = socket.parent()
            && singleton::is_socket_folder(folder)
        {
            let _ = fs::remove_dir_all(folder);
        }
        for name in SINGLETONS {
            let _ = fs::remove_file(self.folder.join(name));
        }
    }

    /// The user data folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file into which Chromium writes where it listens.
    pub(super) fn active_port(&self) -> PathBuf {
        self.folder.join("DevToolsActivePort")
    }

    /// Makes the browser's folder for temporary files, which goes when the profile is released.
    pub(super) fn make_scratch(&self) -> io::Result<PathBuf> {
        scratch::make(&beside(&self.folder, SCRATCH))
    }

    /// A standard input by which a child inherits the lock.
    pub(super) fn stdin(&self) -> io::Result<Stdio> {
        self.lock.to_stdin()
    }

    /// Records the tree that is about to be started on it.
    pub(super) fn announce(&self, tag: TreeTag) -> io::Result<()> {
        ProcessRecord::announce(tag)?.write(&beside(&self.folder, RECORD))
    }

    /// Records the tree that was started on it.
    pub(super) fn record(&mut self, tag: TreeTag, leader: ProcessIdentity) -> io::Result<()> {
        ProcessRecord::announce(tag)?.led_by(leader).write(&beside(&self.folder, RECORD))?;
        self.lock.name_holder(leader)
    }

    /// Lets go. The browser must be gone.
    pub(super) fn release(self) {
        if let Err(error) = ProcessRecord::remove(&beside(&self.folder, RECORD)) {
            tracing::warn!(profile = %self.folder.display(), %error, "the process record could not be removed");
        }
        if let Err(error) = scratch::remove(&beside(&self.folder, SCRATCH)) {
            tracing::warn!(profile = %self.folder.display(), %error, "the browser's temporary files could not be removed");
        }
        self.remove_singletons();
        self.lock.release();
    }
}

/// Flushes what must survive a power cut to the disk: everything but caches. Chromium itself does not wait for the disk.
pub(super) fn sync_to_disk(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && !CACHES.iter().any(|cache| entry.file_name() == *cache) {
            sync_to_disk(&entry.path())?;
        } else if kind.is_file() {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    fs::File::open(folder)?.sync_all()
}

/// Ends every browser that a killed drover left on one of the profiles, and takes their locks and records away. For the
/// daemon's start. Returns the sessions whose browser was ended.
///
/// # Errors
/// When the folder cannot be read; one that is not there has no orphans.
pub async fn end_orphans(profiles: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(profiles) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut ended = Vec::new();
    for path in entries.iter().map(fs::DirEntry::path) {
        if path.extension() != Some(OsStr::new(RECORD)) {
            continue;
        }
        let session = path.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        match ProcessRecord::end_orphan(&path).await? {
            Orphan::Ended { pid } => {
                tracing::warn!(session.id = session, pid, "ended a browser that a killed drover left");
                ended.push(session);
            }
            Orphan::Owned { owner } => {
                tracing::warn!(session.id = session, owner, "another drover runs this session's browser")
            }
            Orphan::None => {}
        }
    }
    for path in entries.iter().map(fs::DirEntry::path).filter(|path| path.extension() == Some(OsStr::new(LOCK))) {
        if let TryLock::Taken(lock) = FileLock::try_lock(&path)? {
            LockedProfile { folder: path.with_extension(""), lock }.release();
        }
    }
    Ok(ended)
}

fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(folder: &Path, extension: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    folder.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ProcessTree;
    use std::process::Command;

    fn scratch() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("profiles/alpha");
        (root, folder)
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// A process that has the lock as a browser would, with the record of a drover that is no more.
    fn orphan_on(folder: &Path) -> ProcessTree {
        make_private(folder).expect("made");
        let TryLock::Taken(mut lock) = FileLock::try_lock(&beside(folder, LOCK)).expect("lockable") else {
            panic!("it is free")
        };
        let tag = TreeTag::choose();
        let mut command = Command::new("sleep");
        command.arg("60").stdin(lock.to_stdin().expect("a descriptor"));
        let tree = ProcessTree::spawn(command, tag.clone()).expect("sleep starts");
        lock.name_holder(tree.leader()).expect("written");
        let record = ProcessRecord::announce(tag).expect("/proc is mounted").led_by(tree.leader());
        let dead = ProcessIdentity { start_ticks: record.owner.start_ticks + 1, ..record.owner };
        ProcessRecord { owner: dead, ..record }.write(&beside(folder, RECORD)).expect("written");
        tree
    }

    #[tokio::test]
    async fn a_profile_is_private_and_released_without_a_trace() {
        let (_root, folder) = scratch();
        let profile = LockedProfile::lock(&folder).await.expect("free");
        let mode = fs::metadata(&folder).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        profile.announce(TreeTag::choose()).expect("written");
        let parent = folder.parent().expect("profiles");
        assert_eq!(names_in(parent), ["alpha", "alpha.lock", "alpha.process"]);
        profile.release();
        assert_eq!(names_in(parent), ["alpha"]);
    }

    #[tokio::test]
    async fn one_that_is_in_use_names_the_process() {
        let (_root, folder) = scratch();
        let profile = LockedProfile::lock(&folder).await.expect("free");
        let error = LockedProfile::lock(&folder).await.expect_err("ours already");
        assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
        profile.release();
    }

    #[tokio::test]
    async fn an_orphan_is_ended_by_the_next_launch() {
        let (_root, folder) = scratch();
        let mut orphan = orphan_on(&folder);
        let profile = LockedProfile::lock(&folder).await.expect("its owner is dead");
        assert!(!orphan.leader().is_alive());
        profile.release();
        orphan.kill().await;
    }

    #[tokio::test]
    async fn orphans_are_ended_at_the_daemons_start() {
        let (_root, folder) = scratch();
        let parent = folder.parent().expect("profiles").to_owned();
        assert!(end_orphans(&parent).await.expect("no folder, no orphans").is_empty());
        let mut orphan = orphan_on(&folder);
        let socket_folder = parent.parent().expect("scratch").join("org.chromium.Chromium.abc");
        fs::create_dir(&socket_folder).expect("made");
        std::os::unix::fs::symlink(socket_folder.join("SingletonSocket"), folder.join("SingletonSocket"))
            .expect("made");
        let mine = LockedProfile::lock(&parent.join("beta")).await.expect("free");
        mine.announce(TreeTag::choose()).expect("written");
        assert_eq!(end_orphans(&parent).await.expect("readable"), ["alpha"]);
        assert!(!orphan.leader().is_alive());
        assert_eq!(names_in(&parent), ["alpha", "beta", "beta.lock", "beta.process"]);
        assert!(!socket_folder.exists(), "the killed browser's socket is taken away too");
        mine.release();
        orphan.kill().await;
    }

    #[tokio::test]
    async fn chromiums_own_locks_of_another_host_are_taken_away() {
        let (root, folder) = scratch();
        make_private(&folder).expect("made");
        let socket_folder = root.path().join("org.chromium.Chromium.abc");
        fs::create_dir(&socket_folder).expect("made");
        std::os::unix::fs::symlink("old-host-17", folder.join("SingletonLock")).expect("made");
        std::os::unix::fs::symlink(socket_folder.join("SingletonSocket"), folder.join("SingletonSocket"))
            .expect("made");
        fs::write(folder.join("DevToolsActivePort"), "1\n/x").expect("written");
        LockedProfile::lock(&folder).await.expect("free").release();
        assert!(names_in(&folder).is_empty() && !socket_folder.exists());
    }

    #[test]
    fn the_whole_profile_can_be_flushed() {
        let (_root, folder) = scratch();
        fs::create_dir_all(folder.join("Default/IndexedDB")).expect("made");
        fs::write(folder.join("Default/IndexedDB/000003.log"), "x").expect("written");
        std::os::unix::fs::symlink("nowhere", folder.join("SingletonLock")).expect("made");
        sync_to_disk(&folder).expect("flushed");
        assert!(sync_to_disk(&folder.join("nowhere")).is_err());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_a_profile_error() {
        let (root, _) = scratch();
        let file = root.path().join("file");
        fs::write(&file, "").expect("written");
        let error = LockedProfile::lock(&file.join("profile")).await.expect_err("no folder");
        assert!(matches!(error, LaunchError::Profile { .. }));
    }
}
