//! A lock on a file (`flock`) that a child can inherit: it holds until the last process that has it ended, and never longer.
//!
//! Invariant: the file is unlinked only by a holder of the lock, and whoever takes the lock checks that the file is still the
//! one at the path. So a lock that is let go leaves no file, and two never hold it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use super::process_table::ProcessIdentity;

/// A lock that is held.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

/// What came of trying.
#[derive(Debug)]
pub enum TryLock {
    /// It is ours.
    Taken(FileLock),
    /// A live process has it; its pid, unless it has not written it yet.
    HeldBy(Option<u32>),
}

impl FileLock {
    /// Takes the lock if nobody alive has it. The file is made (0600) if it is not there; this process's pid is written in.
    ///
    /// # Errors
    /// When the file cannot be made, read or locked (some network file systems know no `flock`).
    pub fn try_lock(path: &Path) -> io::Result<TryLock> {
        loop {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
            match file.try_lock() {
                Ok(()) if is_still_at(&file, path) => {
                    let mut lock = Self { file, path: path.to_owned() };
                    lock.write_holders(&[])?;
                    return Ok(TryLock::Taken(lock));
                }
                // Its holder unlinked it between our open and our lock.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(TryLock::HeldBy(live_holder(&mut file))),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// A standard input that carries the lock into a child: it is the one descriptor that every program passes on to what it
    /// starts, so the lock holds until the last of them ended.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn to_stdin(&self) -> io::Result<Stdio> {
        Ok(Stdio::from(self.file.try_clone()?))
    }

    /// Writes who else has the lock, for whoever finds it held after this process died.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn name_holder(&mut self, holder: ProcessIdentity) -> io::Result<()> {
        self.write_holders(&[holder])
    }

    fn write_holders(&mut self, others: &[ProcessIdentity]) -> io::Result<()> {
        let mut text = String::new();
        for holder in std::iter::once(&ProcessIdentity::own()?).chain(others) {
            text.push_str(&format!("{} {}\n", holder.pid, holder.start_ticks));
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())
    }

    /// Lets go, and takes the file away. Only for when no child has the lock any more; if in doubt, drop it: then the lock
    /// ends with the last child, and the file stays.
    pub fn release(self) {
        // Still locked here: nobody can have locked this file meanwhile.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the lock's file could not be removed");
        }
    }
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(theirs)) => ours.ino() == theirs.ino() && ours.dev() == theirs.dev(),
        _ => false,
    }
}

/// The first of those named in the file that is alive.
fn live_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.lines()
        .filter_map(|line| {
            let (pid, start_ticks) = line.split_once(' ')?;
            Some(ProcessIdentity { pid: pid.parse().ok()?, start_ticks: start_ticks.parse().ok()? })
        })
        .find(|holder| holder.is_alive())
        .map(|holder| holder.pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn taken(path: &Path) -> FileLock {
        match FileLock::try_lock(path).expect("a lockable file") {
            TryLock::Taken(lock) => lock,
            TryLock::HeldBy(pid) => panic!("held by {pid:?}"),
        }
    }

    fn holder(path: &Path) -> Option<u32> {
        match FileLock::try_lock(path).expect("a lockable file") {
            TryLock::Taken(_) => panic!("it was free"),
            TryLock::HeldBy(pid) => pid,
        }
    }

    #[test]
    fn a_second_taker_learns_who_has_it_and_a_release_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        let lock = taken(&path);
        assert_eq!(holder(&path), Some(std::process::id()));
        lock.release();
        assert!(!path.exists());
        taken(&path).release();
    }

    #[test]
    fn a_file_left_by_a_dead_process_does_not_block() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        std::fs::write(&path, "1 1\n").expect("a file");
        drop(taken(&path));
        assert!(path.exists(), "a drop leaves the file");
        taken(&path).release();
    }

    #[test]
    fn a_child_keeps_it_until_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        let mut lock = taken(&path);
        let mut child =
            Command::new("sleep").arg("60").stdin(lock.to_stdin().expect("a descriptor")).spawn().expect("sleep");
        lock.name_holder(ProcessIdentity::of(child.id()).expect("it runs")).expect("written");
        drop(lock);
        // This process is alive and named first; the child is who really has it.
        assert!(holder(&path).is_some());
        child.kill().expect("ours");
        child.wait().expect("ours");
        taken(&path).release();
    }
}
