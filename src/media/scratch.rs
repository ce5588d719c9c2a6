//! A file while it is being written: in `media/.partial`, hashed and measured on the way, removed when it is let go.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::{base64_reader, mime_type::HEAD_BYTES};

/// How much is gathered before it is written: a write is a walk to another thread.
const BUFFER_BYTES: usize = 64 << 10;

/// A part that could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// It would be too much.
    #[error("more than {limit_bytes} bytes")]
    TooLarge {
        /// The most.
        limit_bytes: u64,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The file and all that is known of it so far. Blocks; see [`Scratch`] for tasks.
#[derive(Debug)]
pub(super) struct ScratchFile {
    file: File,
    path: TempPath,
    digest: Sha256,
    head: Vec<u8>,
    bytes: u64,
    limit_bytes: u64,
}

impl ScratchFile {
    /// An empty file in this folder, for its owner alone, that takes no more than `limit_bytes`.
    pub(super) fn create(folder: &Path, limit_bytes: u64) -> io::Result<Self> {
        let (file, path) = tempfile::Builder::new().prefix("part-").tempfile_in(folder)?.into_parts();
        Ok(Self { file, path, digest: Sha256::new(), head: Vec::new(), bytes: 0, limit_bytes })
    }

    /// Adds to its end.
    pub(super) fn append(&mut self, part: &[u8]) -> Result<(), WriteError> {
        let bytes = self.bytes.saturating_add(part.len() as u64);
        if bytes > self.limit_bytes {
            return Err(WriteError::TooLarge { limit_bytes: self.limit_bytes });
        }
        self.file.write_all(part)?;
        self.digest.update(part);
        let missing = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&part[..part.len().min(missing)]);
        self.bytes = bytes;
        Ok(())
    }

    /// Adds what a text in base64 stands for; what is none is an error of the kind `InvalidData`.
    pub(super) fn append_base64(&mut self, text: impl Read) -> Result<(), WriteError> {
        let mut decoder = base64_reader::decoder(text)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match decoder.read(&mut buffer)? {
                0 => return Ok(()),
                read => self.append(&buffer[..read])?,
            }
        }
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.digest = Sha256::new();
        self.head.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Reads it from its beginning.
    pub(super) fn reread(&mut self) -> io::Result<&mut File> {
        self.file.rewind()?;
        Ok(&mut self.file)
    }

    fn whole(self) -> Whole {
        let sha256 = hex(&self.digest.finalize());
        Whole { path: self.path, bytes: self.bytes, sha256, head: self.head }
    }
}

/// A file that a task writes, part by part. A call that is dropped half-way makes it useless: drop it then.
#[derive(Debug)]
pub(super) struct Scratch {
    /// None while another thread writes.
    file: Option<ScratchFile>,
    buffer: Vec<u8>,
    bytes: u64,
    limit_bytes: u64,
}

impl Scratch {
    pub(super) async fn create(folder: &Path, limit_bytes: u64) -> io::Result<Self> {
        let folder = folder.to_owned();
        blocking(move || ScratchFile::create(&folder, limit_bytes)).await?.map(Self::of)
    }

    pub(super) fn of(file: ScratchFile) -> Self {
        let (bytes, limit_bytes) = (file.bytes, file.limit_bytes);
        Self { file: Some(file), buffer: Vec::new(), bytes, limit_bytes }
    }

    /// How much was added.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds to its end.
    pub(super) async fn append(&mut self, part: &[u8]) -> Result<(), WriteError> {
        let bytes = self.bytes.saturating_add(part.len() as u64);
        if bytes > self.limit_bytes {
            return Err(WriteError::TooLarge { limit_bytes: self.limit_bytes });
        }
        self.bytes = bytes;
        for piece in part.chunks(BUFFER_BYTES) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= BUFFER_BYTES {
                self.write_out().await?;
            }
        }
        Ok(())
    }

    /// Forgets what was added.
    pub(super) async fn restart(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.bytes = 0;
        let mut file = self.take()?;
        let (file, emptied) = blocking(move || {
            let emptied = file.empty();
            (file, emptied)
        })
        .await?;
        self.file = Some(file);
        emptied
    }

    async fn write_out(&mut self) -> Result<(), WriteError> {
        let mut file = self.take()?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (file, buffer, written) = blocking(move || {
            let written = file.append(&buffer);
            buffer.clear();
            (file, buffer, written)
        })
        .await?;
        self.file = Some(file);
        self.buffer = buffer;
        written
    }

    fn take(&mut self) -> io::Result<ScratchFile> {
        self.file.take().ok_or_else(|| io::Error::other("an earlier write was given up half-way"))
    }

    /// The file with all that was added.
    pub(super) async fn into_file(mut self) -> Result<ScratchFile, WriteError> {
        self.write_out().await?;
        Ok(self.take()?)
    }

    /// No more is added.
    pub(super) async fn finish(self) -> Result<Whole, WriteError> {
        Ok(self.into_file().await?.whole())
    }
}

/// A file to which nothing is added any more; still removed when it is let go.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) path: TempPath,
    pub(super) bytes: u64,
    /// In hex.
    pub(super) sha256: String,
    /// The first bytes.
    pub(super) head: Vec<u8>,
}

impl Whole {
    /// Brings what was written to the disk.
    pub(super) async fn sync(&self) -> io::Result<()> {
        let path = self.path.to_path_buf();
        blocking(move || File::open(path)?.sync_all()).await?
    }

    /// Gives it its final name, in whose place nothing half-way is ever seen, and brings the name to the disk.
    pub(super) async fn persist(self, to: PathBuf) -> io::Result<()> {
        blocking(move || {
            self.path.persist(&to).map_err(|refused| refused.error)?;
            File::open(to.parent().unwrap_or(Path::new("/")))?.sync_all()
        })
        .await?
    }
}

/// Runs what may wait for the disk where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_added_is_what_is_there(
            parts in proptest::collection::vec(0_usize..100_000, 0..6),
            limit in 0_u64..300_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let folder = tempfile::tempdir().expect("a folder");
            runtime.block_on(async {
                let mut scratch = Scratch::create(folder.path(), limit).await.expect("a file");
                let mut expected = Vec::new();
                for (number, length) in parts.iter().enumerate() {
                    let part = vec![u8::try_from(number).expect("few"); *length];
                    let fits = (expected.len() + part.len()) as u64 <= limit;
                    assert_eq!(scratch.append(&part).await.is_ok(), fits);
                    if fits {
                        expected.extend(part);
                    }
                }
                let whole = scratch.finish().await.expect("written");
                assert_eq!(whole.bytes, expected.len() as u64);
                assert_eq!(whole.sha256, hex(&Sha256::digest(&expected)));
                assert_eq!(whole.head, &expected[..expected.len().min(HEAD_BYTES)]);
                assert_eq!(std::fs::read(&whole.path).expect("readable"), expected);
            });
            prop_assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none(), "nothing is left");
        }
    }

    #[tokio::test]
    async fn a_file_is_private_and_may_begin_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut scratch = Scratch::create(folder.path(), 100_000).await.expect("a file");
        scratch.append(&[1; 90_000]).await.expect("it fits");
        scratch.restart().await.expect("emptied");
        scratch.append(b"second").await.expect("it fits again");
        let whole = scratch.finish().await.expect("written");
        assert_eq!(std::fs::metadata(&whole.path).expect("there").permissions().mode() & 0o777, 0o600);
        whole.sync().await.expect("synced");
        let target = folder.path().join("final");
        whole.persist(target.clone()).await.expect("renamed");
        assert_eq!(std::fs::read(target).expect("readable"), b"second");
    }
}
