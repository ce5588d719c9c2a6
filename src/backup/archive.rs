//! The tar: written with a manifest at its end, and read again with everything held against it.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::{
    BackupError,
    manifest::{FORMAT, Manifest, NAME, Part},
};

/// A manifest is read into memory.
const LONGEST_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes each file of a folder under its path there, then the manifest, whose parts it fills in.
///
/// # Errors
/// When a file cannot be read, or nobody takes what is written.
pub(super) fn fill(folder: &Path, manifest: Manifest, to: impl Write) -> Result<(), BackupError> {
    let mut paths = Vec::new();
    walk(folder, Path::new(""), &mut paths)?;
    paths.sort();
    let files = paths.into_iter().map(|path| (path.clone(), folder.join(path)));
    fill_with(files, manifest, to)
}

/// The same with these files, each with its path in the archive.
pub(super) fn fill_with(
    files: impl Iterator<Item = (String, PathBuf)>,
    mut manifest: Manifest,
    to: impl Write,
) -> Result<(), BackupError> {
    let mut builder = Builder::new(to);
    for (path, from) in files {
        let file = File::open(&from).map_err(BackupError::file(&from))?;
        let bytes = file.metadata().map_err(BackupError::file(&from))?.len();
        let mut hashed = Hashing::new(file);
        append(&mut builder, &path, bytes, &mut hashed).map_err(broken_off)?;
        manifest.parts.push(Part { path, bytes, sha256: hashed.hex() });
    }
    let text = serde_json::to_vec_pretty(&manifest).expect("a manifest is JSON");
    append(&mut builder, NAME, text.len() as u64, &mut text.as_slice()).map_err(broken_off)?;
    builder.into_inner().and_then(|mut to| to.flush()).map_err(broken_off)
}

fn broken_off(error: io::Error) -> BackupError {
    BackupError::BrokenOff(format!("the backup broke off: {error}"))
}

fn append(builder: &mut Builder<impl Write>, path: &str, bytes: u64, from: &mut impl Read) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_entry_type(EntryType::Regular);
    builder.append_data(&mut header, path, from)
}

/// The files below a folder, by their paths from it.
pub(super) fn walk(root: &Path, below: &Path, paths: &mut Vec<String>) -> Result<(), BackupError> {
    let folder = root.join(below);
    for entry in std::fs::read_dir(&folder).map_err(BackupError::file(&folder))? {
        let entry = entry.map_err(BackupError::file(&folder))?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type().map_err(BackupError::file(entry.path()))?;
        if kind.is_dir() {
            walk(root, &path, paths)?;
        } else if kind.is_file() {
            let not_text = || BackupError::Damaged(format!("{} has a name that is no text", path.display()));
            paths.push(path.to_str().ok_or_else(not_text)?.to_owned());
        }
    }
    Ok(())
}

/// Reads a whole archive, hands every part to `take`, and holds all of it against the manifest.
///
/// # Errors
/// When it cannot be read, or anything is not as the manifest says; `take` may have had parts by then.
pub(super) fn check(
    from: impl Read,
    mut take: impl FnMut(&str, &mut dyn Read) -> Result<(), BackupError>,
) -> Result<Manifest, BackupError> {
    let mut archive = Archive::new(from);
    let mut found = Vec::new();
    let mut manifest = None;
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if manifest.is_some() {
            return Err(BackupError::Damaged("something follows the manifest".to_owned()));
        }
        if entry.header().entry_type() != EntryType::Regular {
            return Err(BackupError::Damaged("it holds what is no file".to_owned()));
        }
        let path = entry.path().map_err(unreadable)?.to_str().map(str::to_owned);
        let path = path.filter(|path| is_inside(Path::new(path)));
        let path = path.ok_or_else(|| BackupError::Damaged("a path leads out of it".to_owned()))?;
        if path == NAME {
            manifest = Some(read_manifest(&mut entry)?);
            continue;
        }
        let bytes = entry.size();
        let mut hashed = Hashing::new(&mut entry);
        take(&path, &mut hashed)?;
        io::copy(&mut hashed, &mut io::sink()).map_err(unreadable)?;
        if hashed.bytes != bytes {
            return Err(BackupError::Damaged(format!("{path} is cut off")));
        }
        found.push(Part { path, bytes, sha256: hashed.hex() });
    }
    // The end of the tar is not the end of what it lies in.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable)?;
    let manifest = manifest.ok_or_else(|| BackupError::Damaged("its manifest is missing".to_owned()))?;
    let differs = found.iter().zip(&manifest.parts).find(|(found, said)| found != said);
    match differs {
        Some((part, _)) => Err(BackupError::Damaged(format!("{} is not what the manifest says", part.path))),
        None if found.len() != manifest.parts.len() => Err(BackupError::Damaged("parts are missing".to_owned())),
        None => Ok(manifest),
    }
}

fn read_manifest(entry: &mut impl Read) -> Result<Manifest, BackupError> {
    let mut text = Vec::new();
    entry.take(LONGEST_MANIFEST_BYTES).read_to_end(&mut text).map_err(unreadable)?;
    let no_manifest = |error: serde_json::Error| BackupError::Damaged(format!("its manifest cannot be read: {error}"));
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(no_manifest)?;
    let format = value["format"].as_u64().and_then(|format| u32::try_from(format).ok()).unwrap_or_default();
    if format != FORMAT {
        return Err(BackupError::Unknown { format, known: FORMAT });
    }
    serde_json::from_value(value).map_err(no_manifest)
}

/// A failure that `take` did not make: the cause of a reader below may be one of ours.
fn unreadable(error: io::Error) -> BackupError {
    match error.downcast::<BackupError>() {
        Ok(own) => own,
        Err(error) => BackupError::Damaged(error.to_string()),
    }
}

/// Whether a path stays where it is put.
pub(super) fn is_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_))) && path.components().next().is_some()
}

/// Hashes what is read through it.
struct Hashing<R> {
    from: R,
    hash: Sha256,
    bytes: u64,
}

impl<R> Hashing<R> {
    fn new(from: R) -> Self {
        Self { from, hash: Sha256::new(), bytes: 0 }
    }

    fn hex(self) -> String {
        hex(&self.hash.finalize())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.hash.update(&buffer[..length]);
        self.bytes += length as u64;
        Ok(length)
    }
}

/// SHA-256 of a file, in hex.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hashed = Hashing::new(File::open(path)?);
    let mut buffer = vec![0; BUFFER_BYTES];
    while hashed.read(&mut buffer)? > 0 {}
    Ok(hashed.hex())
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn archive() -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("logins/main/Default")).expect("made");
        std::fs::write(folder.path().join("logins/main/Default/a"), vec![7; 3000]).expect("written");
        std::fs::write(folder.path().join("admin.key"), "secret").expect("written");
        let mut tar = Vec::new();
        fill(folder.path(), Manifest::new(), &mut tar).expect("filled");
        tar
    }

    fn checked(tar: &[u8]) -> Result<Vec<String>, BackupError> {
        let mut paths = Vec::new();
        check(tar, |path, _| {
            paths.push(path.to_owned());
            Ok(())
        })
        .map(|_| paths)
    }

    #[test]
    fn what_was_put_in_is_there() {
        assert_eq!(checked(&archive()).expect("whole"), ["admin.key", "logins/main/Default/a"]);
    }

    proptest! {
        #[test]
        fn what_was_cut_off_or_changed_is_refused(at in 0_usize..6_000, flip in 1_u8..=255) {
            let tar = archive();
            let manifest = tar.windows(NAME.len()).position(|window| window == NAME.as_bytes()).expect("it is there");
            prop_assert!(checked(&tar[..at.min(manifest)]).is_err());
            // In the content of a part: the tar's own headers have sums of their own, and its padding means nothing.
            let content = tar.windows(8).position(|window| window == [7; 8]).expect("it is there");
            let mut changed = tar.clone();
            changed[content + at % 3000] ^= flip;
            prop_assert!(checked(&changed).is_err());
        }
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        for path in ["../x", "/x", "a/../../x", ""] {
            assert!(!is_inside(Path::new(path)), "{path}");
        }
        let mut header = Header::new_gnu();
        header.set_size(1);
        header.set_entry_type(EntryType::Regular);
        header.as_gnu_mut().expect("gnu").name[..4].copy_from_slice(b"../x");
        header.set_cksum();
        let mut builder = Builder::new(Vec::new());
        builder.append(&header, &b"x"[..]).expect("written");
        let tar = builder.into_inner().expect("written");
        assert!(checked(&tar).expect_err("refused").to_string().contains("leads out"));
    }

    #[test]
    fn another_format_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tar = Vec::new();
        fill(folder.path(), Manifest { format: 9, ..Manifest::new() }, &mut tar).expect("filled");
        assert!(matches!(checked(&tar), Err(BackupError::Unknown { format: 9, .. })));
    }
}
