//! Locking and unlocking: zstd, then age, by a passphrase (scrypt) or by a key pair (X25519).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use age::{DecryptError, Decryptor, Encryptor, secrecy::ExposeSecret, secrecy::SecretString, x25519};

use super::{
    BackupError,
    archive::{self, sha256_of},
    manifest::Manifest,
};

/// zstd's own default: a login shrinks to about a third, at more than 100 MB/s.
const LEVEL: i32 = 3;
/// The costliest passphrase that is tried, as a power of two: a minute on a slow machine. age itself chooses one second.
const MOST_WORK: u8 = 22;
/// What is easily guessed is shorter than this.
const SHORT: usize = 8;

/// How a backup is locked.
pub enum Lock {
    /// By a passphrase.
    Passphrase(SecretString),
    /// For whoever has the key of one of these.
    Recipients(Vec<x25519::Recipient>),
}

/// How it is opened.
pub enum Unlock {
    /// By a passphrase.
    Passphrase(SecretString),
    /// By keys.
    Identities(Vec<x25519::Identity>),
}

impl Lock {
    /// The passphrase that is the first line of this text.
    ///
    /// # Errors
    /// When there is none, or it is easily guessed.
    pub fn of_passphrase(text: &str) -> Result<Self, BackupError> {
        let passphrase = passphrase(text)?;
        if passphrase.expose_secret().chars().count() < SHORT {
            return Err(BackupError::NoKey(format!("the passphrase is too short: use {SHORT} characters at least")));
        }
        Ok(Self::Passphrase(passphrase))
    }

    /// The public keys (`age1...`) that are the lines of this text.
    ///
    /// # Errors
    /// When a line is none.
    pub fn of_recipients(text: &str) -> Result<Self, BackupError> {
        let recipients = lines(text).map(|line| line.parse::<x25519::Recipient>());
        let recipients: Vec<_> = recipients.collect::<Result<_, _>>().map_err(|error| {
            BackupError::NoKey(format!(
                "that is no public key of age (age1...): {error}; `drover backup key` makes one"
            ))
        })?;
        if recipients.is_empty() {
            return Err(BackupError::NoKey("there is no public key (age1...) in it".to_owned()));
        }
        Ok(Self::Recipients(recipients))
    }
}

impl Unlock {
    /// The passphrase that is the first line of this text.
    ///
    /// # Errors
    /// When there is none.
    pub fn of_passphrase(text: &str) -> Result<Self, BackupError> {
        Ok(Self::Passphrase(passphrase(text)?))
    }

    /// The keys (`AGE-SECRET-KEY-1...`) that are the lines of this text.
    ///
    /// # Errors
    /// When a line is none. The line is not repeated.
    pub fn of_identities(text: &str) -> Result<Self, BackupError> {
        let none = || BackupError::NoKey("there is no key of age (AGE-SECRET-KEY-1...) in it".to_owned());
        let identities = lines(text).map(|line| line.parse::<x25519::Identity>().map_err(|_| none()));
        let identities: Vec<_> = identities.collect::<Result<_, _>>()?;
        if identities.is_empty() { Err(none()) } else { Ok(Self::Identities(identities)) }
    }
}

fn passphrase(text: &str) -> Result<SecretString, BackupError> {
    let line = text.lines().next().unwrap_or_default().trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(BackupError::NoKey("the passphrase is empty: it is the first line of its file".to_owned()));
    }
    Ok(SecretString::from(line.to_owned()))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Makes a key, writes it into a new file (0600), and gives its public half.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub fn make_key_file(path: &Path) -> Result<String, BackupError> {
    let key = x25519::Identity::generate();
    let public = key.to_public().to_string();
    let text = format!("# public key: {public}\n{}\n", key.to_string().expose_secret());
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(BackupError::file(path))?;
    Ok(public)
}

/// Takes a whole archive in, holds it against its manifest on the way, and writes it locked to `path`; what was written is read
/// again. Until all of that is done nothing is at `path`, and nothing stays when it fails.
///
/// # Errors
/// When the archive is not whole, or the file cannot be written.
pub fn seal(from: impl Read, lock: &Lock, path: &Path) -> Result<Manifest, BackupError> {
    let partial = Partial::beside(path);
    let (manifest, hash) = write(from, lock, &partial.path)?;
    let read_again = sha256_of(&partial.path).map_err(BackupError::file(&partial.path))?;
    if read_again != hash {
        return Err(BackupError::Damaged("what was written is not what is read again".to_owned()));
    }
    partial.take_its_place(path)?;
    Ok(manifest)
}

fn write(from: impl Read, lock: &Lock, path: &Path) -> Result<(Manifest, String), BackupError> {
    let failed = || BackupError::file(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed())?;
    let encryptor = match lock {
        Lock::Passphrase(passphrase) => Encryptor::with_user_passphrase(passphrase.clone()),
        Lock::Recipients(recipients) => {
            let recipients = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
            Encryptor::with_recipients(recipients).map_err(|error| BackupError::NoKey(error.to_string()))?
        }
    };
    let counted = Hashed { to: BufWriter::new(file), hash: Default::default() };
    let locked = encryptor.wrap_output(counted).map_err(failed())?;
    let packed = zstd::Encoder::new(locked, LEVEL).map_err(failed())?;
    let mut copied = Copied { from, to: packed, failure: None };
    let checked = archive::check(&mut copied, |_, _| Ok(()));
    if let Some(failure) = copied.failure {
        return Err(BackupError::File { path: path.to_owned(), source: failure });
    }
    let manifest = checked?;
    let locked = copied.to.finish().map_err(failed())?;
    let Hashed { to, hash } = locked.finish().map_err(failed())?;
    let file =
        to.into_inner().map_err(|error| BackupError::File { path: path.to_owned(), source: error.into_error() })?;
    file.sync_all().map_err(failed())?;
    Ok((manifest, archive::hex(&sha2::Digest::finalize(hash))))
}

/// Reads a whole backup and holds it against its manifest. Blocks.
///
/// # Errors
/// When it cannot be opened, or is not whole.
pub fn verify(path: &Path, unlock: &Unlock) -> Result<Manifest, BackupError> {
    archive::check(open(path, unlock)?, |_, _| Ok(()))
}

/// Opens a backup; what is read from it is the archive.
///
/// # Errors
/// When there is no such file, it is no backup, or the key is not the one.
pub(super) fn open(path: &Path, unlock: &Unlock) -> Result<impl Read, BackupError> {
    let file = File::open(path).map_err(BackupError::file(path))?;
    let decryptor = Decryptor::new_buffered(BufReader::new(file)).map_err(|error| refused(&error))?;
    if let (true, Unlock::Identities(_)) = (decryptor.is_scrypt(), unlock) {
        return Err(BackupError::NoKey(
            "the backup is locked by a passphrase: give it by --passphrase-file".to_owned(),
        ));
    }
    if let (false, Unlock::Passphrase(_)) = (decryptor.is_scrypt(), unlock) {
        return Err(BackupError::NoKey("the backup is locked for a key: give its file by --identity".to_owned()));
    }
    let opened = match unlock {
        Unlock::Passphrase(passphrase) => {
            let mut identity = age::scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(MOST_WORK);
            decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
        }
        Unlock::Identities(identities) => {
            decryptor.decrypt(identities.iter().map(|identity| identity as &dyn age::Identity))
        }
    };
    let opened = opened.map_err(|error| refused(&error))?;
    zstd::Decoder::new(opened).map_err(|error| BackupError::Damaged(error.to_string()))
}

fn refused(error: &DecryptError) -> BackupError {
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            BackupError::WrongKey
        }
        other => BackupError::Damaged(other.to_string()),
    }
}

/// What is read from one is written to the other.
struct Copied<R, W> {
    from: R,
    to: W,
    /// Why it could not be written.
    failure: Option<io::Error>,
}

impl<R: Read, W: Write> Read for Copied<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        if let Err(error) = self.to.write_all(&buffer[..length]) {
            let kind = error.kind();
            self.failure = Some(error);
            return Err(kind.into());
        }
        Ok(length)
    }
}

/// Hashes what is written through it.
struct Hashed<W> {
    to: W,
    hash: sha2::Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.to.write(bytes)?;
        sha2::Digest::update(&mut self.hash, &bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The file while it is written; removed unless it takes its place.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn beside(path: &Path) -> Self {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        Self { path: path.with_file_name(name) }
    }

    fn take_its_place(self, path: &Path) -> Result<(), BackupError> {
        fs::rename(&self.path, path).map_err(BackupError::file(path))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::file(folder))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is gone when it took its place.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::archive::fill;

    fn tar() -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a"), vec![7; 200_000]).expect("written");
        let mut tar = Vec::new();
        fill(folder.path(), Manifest::new(), &mut tar).expect("filled");
        tar
    }

    #[test]
    fn a_key_opens_what_was_locked_for_it_and_another_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (key, other) = (folder.path().join("key"), folder.path().join("other"));
        let public = make_key_file(&key).expect("made");
        make_key_file(&other).expect("made");
        assert!(make_key_file(&key).is_err(), "a key is never written over");
        let to = folder.path().join("backup");
        seal(tar().as_slice(), &Lock::of_recipients(&public).expect("a key"), &to).expect("sealed");
        let unlock = |path: &Path| Unlock::of_identities(&fs::read_to_string(path).expect("text")).expect("a key");
        assert_eq!(verify(&to, &unlock(&key)).expect("whole").parts.len(), 1);
        assert!(matches!(verify(&to, &unlock(&other)), Err(BackupError::WrongKey)));
        assert!(matches!(verify(&to, &Unlock::of_passphrase("any").expect("one")), Err(BackupError::NoKey(_))));

        // Each byte is held: the header, the content, the end.
        let whole = fs::read(&to).expect("it is there");
        for at in [0, 30, 200, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&to, &changed).expect("written");
            assert!(verify(&to, &unlock(&key)).is_err(), "a change at {at} was not seen");
            fs::write(&to, &whole[..at]).expect("written");
            assert!(verify(&to, &unlock(&key)).is_err(), "the end at {at} was not seen");
        }
    }

    #[test]
    fn a_passphrase_opens_what_it_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("backup");
        seal(tar().as_slice(), &Lock::of_passphrase("correct horse\n").expect("one"), &to).expect("sealed");
        assert!(verify(&to, &Unlock::of_passphrase("correct horse").expect("one")).is_ok());
        assert!(matches!(verify(&to, &Unlock::of_passphrase("wrong horse").expect("one")), Err(BackupError::WrongKey)));
        assert!(Lock::of_passphrase("short").is_err() && Lock::of_passphrase("\n").is_err());
    }

    #[test]
    fn an_archive_that_breaks_off_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("backup");
        let public = x25519::Identity::generate().to_public().to_string();
        let lock = Lock::of_recipients(&public).expect("a key");
        let tar = tar();
        assert!(seal(&tar[..tar.len() / 2], &lock, &to).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
        assert!(Lock::of_recipients("age1nonsense").is_err() && Lock::of_recipients("# only a comment").is_err());
    }
}
