//! The file of log lines: it is rotated by size, so that all of it together never takes more than so much of a disk.
//!
//! `drover.log` is written to; once it is full it becomes `drover.log.1`, that one `drover.log.2`, and the oldest goes. What cannot
//! be written (a full disk, a volume that became read-only) is counted and said once, on the other outputs, and once more when
//! lines are written again. Nobody waits for a line and nothing ends because of one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// So much is written before it is said that lines are written again: on a full disk the rest of a block takes a short line
/// where a longer one did not fit.
const WELL_AGAIN_BYTES: u64 = 8 * 1024;

/// A file that is rotated. Writing to it never fails for the writer.
pub(super) struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    /// How many full files are kept beside the one that is written to.
    kept: u32,
    open: Option<OpenFile>,
    /// Lines that could not be written since it was last well.
    lost: u64,
    /// What was written since the last of these.
    since_lost_bytes: u64,
}

struct OpenFile {
    file: File,
    bytes: u64,
}

impl LogFile {
    /// Writes to this file, after what it holds already. Its folder is made where it is missing.
    pub(super) fn new(path: &Path, max_bytes: u64, kept: u32) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { path, max_bytes, kept, open: None, lost: 0, since_lost_bytes: 0 })
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let is_full = self.open.as_ref().is_some_and(|open| {
            open.bytes > 0 && open.bytes + u64::try_from(line.len()).unwrap_or(u64::MAX) > self.max_bytes
        });
        if is_full {
            self.open = None;
            self.rotate()?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(OpenFile::append_to(&self.path)?),
        };
        match open.file.write_all(line) {
            Ok(()) => open.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX),
            Err(error) => {
                // No half line stays; the next try opens the file anew, in case it was moved or its volume came back.
                let _ = open.file.set_len(open.bytes);
                self.open = None;
                return Err(error);
            }
        }
        Ok(())
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (1..self.kept).rev() {
            rename(&self.numbered(number), &self.numbered(number + 1))?;
        }
        if self.kept == 0 { fs::remove_file(&self.path) } else { rename(&self.path, &self.numbered(1)) }
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl OpenFile {
    fn append_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }
}

/// One that is not there is none to move.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.put(line) {
            Ok(()) if self.lost > 0 => {
                self.since_lost_bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
                if self.since_lost_bytes >= WELL_AGAIN_BYTES {
                    let lost = std::mem::take(&mut self.lost);
                    tracing::info!(path = %self.path.display(), lost, "log lines are written to their file again");
                }
            }
            Ok(()) => {}
            Err(error) => {
                self.lost += 1;
                self.since_lost_bytes = 0;
                if self.lost == 1 {
                    tracing::error!(
                        path = %self.path.display(), %error,
                        "log lines cannot be written to their file (log.file); they go on here, and so do the sessions"
                    );
                }
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_files_move_on_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/drover.log");
        let mut log = LogFile::new(&path, 10, 2).unwrap();
        for line in ["first 1\n", "second\n", "third 3\n", "fourth\n", "ab\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join("logs").join(name)).unwrap();
        assert_eq!((read("drover.log"), read("drover.log.1")), ("fourth\nab\n".to_owned(), "third 3\n".to_owned()));
        assert_eq!(read("drover.log.2"), "second\n");
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 3);
        // Another process goes on after what is there.
        drop(log);
        LogFile::new(&path, 100, 2).unwrap().write_all(b"fifth\n").unwrap();
        assert_eq!(read("drover.log"), "fourth\nab\nfifth\n");
    }

    #[test]
    fn a_line_longer_than_a_file_gets_one_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drover.log");
        let mut log = LogFile::new(&path, 4, 0).unwrap();
        log.write_all(b"longer than four\n").unwrap();
        log.write_all(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "next\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_writing_goes_on_when_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drover.log");
        fs::create_dir(&path).unwrap();
        let mut log = LogFile::new(&path, 100_000, 1).unwrap();
        log.write_all(b"lost\n").expect("never an error");
        log.write_all(b"lost, too\n").expect("never an error");
        assert_eq!(log.lost, 2);
        fs::remove_dir(&path).unwrap();
        log.write_all(b"kept\n").expect("never an error");
        assert_eq!((log.lost, fs::read_to_string(&path).unwrap()), (2, "kept\n".to_owned()), "one may fit by chance");
        // It fails once more before it is well: that is the same failure still.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        log.open = None;
        log.write_all(b"lost\n").expect("never an error");
        assert_eq!((log.lost, log.since_lost_bytes), (3, 0));
        fs::remove_dir(&path).unwrap();
        let line = [b'x'; 1024];
        for _ in 0..7 {
            log.write_all(&line).expect("never an error");
        }
        assert_eq!(log.lost, 3);
        log.write_all(&line).expect("never an error");
        assert_eq!((log.lost, fs::metadata(&path).unwrap().len()), (0, 8 * 1024));
    }
}
