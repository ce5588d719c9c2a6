//! What a login needs of a profile, wherever the profile came from: drover's own, or a client's that drove WhatsApp Web in
//! Chromium before. Both keep it at the same place, the folder `Default` of Chromium's user data folder.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::{fd::AsFd, unix::fs::DirBuilderExt, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
};

use super::{
    BackupError,
    archive::{self, is_inside},
    manifest::Manifest,
};

/// The page's IndexedDB (keys, chats) and its localStorage (who is linked). Measured: these two alone, 3 MB of 30, bring a login
/// back; caches, cookies and the service worker are made anew.
const NEEDED: [&str; 2] = ["Default/IndexedDB", "Default/Local Storage"];
/// WhatsApp Web's own database in IndexedDB, as Chromium names its folder.
const OF_WHATSAPP: &str = "https_web.whatsapp.com_0.indexeddb.leveldb";
/// Where a login lies in an archive of its own.
const IN_ARCHIVE: &str = "login";

/// The files of a login in a profile.
#[derive(Debug, Clone)]
pub struct LoginFiles {
    profile: PathBuf,
}

impl LoginFiles {
    /// Those of this profile.
    ///
    /// # Errors
    /// When there is none: WhatsApp Web was never open in it.
    pub fn of(profile: &Path) -> Result<Self, BackupError> {
        let database = profile.join(NEEDED[0]).join(OF_WHATSAPP);
        if database.is_dir() && profile.join(NEEDED[1]).is_dir() {
            return Ok(Self { profile: profile.to_owned() });
        }
        let why = format!("it has no {}/{OF_WHATSAPP} beside a {}", NEEDED[0], NEEDED[1]);
        Err(BackupError::NoLogin { path: profile.to_owned(), why })
    }

    /// Who has them open, as far as this machine can tell: Chromium locks each LevelDB that it has open.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn holder(&self) -> Result<Option<u32>, BackupError> {
        for database in self.databases()? {
            let path = database.join("LOCK");
            let file = match OpenOptions::new().read(true).write(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(BackupError::File { path, source }),
            };
            if let Some(pid) = locked_by(&file).map_err(BackupError::file(&path))? {
                return Ok(Some(pid));
            }
        }
        Ok(None)
    }

    /// Every LevelDB of the login.
    fn databases(&self) -> Result<Vec<PathBuf>, BackupError> {
        let mut databases = vec![self.profile.join(NEEDED[1]).join("leveldb")];
        let folder = self.profile.join(NEEDED[0]);
        for entry in fs::read_dir(&folder).map_err(BackupError::file(&folder))? {
            let path = entry.map_err(BackupError::file(&folder))?.path();
            if path.extension().is_some_and(|extension| extension == "leveldb") {
                databases.push(path);
            }
        }
        Ok(databases)
    }

    /// Copies them, and nothing else, below a folder that is made (0700). The originals are only read.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn copy_to(&self, target: &Path) -> Result<(), BackupError> {
        for path in self.paths()? {
            let (from, to) = (self.profile.join(&path), target.join(&path));
            let mut from_file = File::open(&from).map_err(BackupError::file(&from))?;
            write_new(&to, &mut from_file)?;
        }
        Ok(())
    }
}

impl LoginFiles {
    /// Writes the login as an archive of its own, for a drover to take in. The originals are only read.
    ///
    /// # Errors
    /// When a file cannot be read, nobody takes what is written, or a browser opened the login meanwhile.
    pub fn write(&self, to: impl Write) -> Result<(), BackupError> {
        let files = self.paths()?.into_iter().map(|path| (format!("{IN_ARCHIVE}/{path}"), self.profile.join(path)));
        archive::fill_with(files, Manifest::new(), to)?;
        match self.holder()? {
            Some(pid) => Err(BackupError::InUse { path: self.profile.clone(), by: format!("process {pid}") }),
            None => Ok(()),
        }
    }

    /// Every file that is needed, by its path in the profile.
    fn paths(&self) -> Result<Vec<String>, BackupError> {
        let mut paths = Vec::new();
        for needed in NEEDED {
            archive::walk(&self.profile, Path::new(needed), &mut paths)?;
        }
        Ok(paths)
    }
}

/// Takes a login in from an archive of its own, into a folder that becomes a profile.
///
/// # Errors
/// When the archive is not whole, or holds anything else.
pub fn receive(from: impl Read, profile: &Path) -> Result<Manifest, BackupError> {
    let manifest = archive::check(from, |path, content| {
        let inside = path.strip_prefix(IN_ARCHIVE).and_then(|path| path.strip_prefix('/'));
        let inside = inside.filter(|path| is_needed(path));
        let inside = inside.ok_or_else(|| BackupError::Damaged(format!("{path} is no part of a login")))?;
        write_new(&profile.join(inside), content)
    })?;
    LoginFiles::of(profile)?;
    Ok(manifest)
}

/// Whether a path is that of a file that a login needs.
pub(super) fn is_needed(path: &str) -> bool {
    is_inside(Path::new(path)) && NEEDED.iter().any(|needed| Path::new(path).starts_with(needed))
}

/// Writes a new file (0600), and the folders (0700) that it needs, down to the disk.
pub(super) fn write_new(path: &Path, content: &mut dyn Read) -> Result<(), BackupError> {
    let folder = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(BackupError::file(folder))?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(BackupError::file(path))?;
    // What cannot be read is not this file's fault, and says so itself.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = content.read(&mut buffer).map_err(|error| match error.downcast::<BackupError>() {
            Ok(own) => own,
            Err(error) => BackupError::Damaged(error.to_string()),
        })?;
        if length == 0 {
            break;
        }
        file.write_all(&buffer[..length]).map_err(BackupError::file(path))?;
    }
    file.sync_all().map_err(BackupError::file(path))
}

/// The process that holds a record lock on a file (fcntl(2), `F_GETLK`).
fn locked_by(file: &File) -> io::Result<Option<u32>> {
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file.as_fd(), FcntlArg::F_GETLK(&mut lock)).map_err(io::Error::from)?;
    let is_free = lock.l_type == libc::F_UNLCK as libc::c_short;
    Ok(if is_free { None } else { u32::try_from(lock.l_pid).ok() })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A profile with a login in it, a cache beside it.
    pub(in crate::backup) fn profile(folder: &Path) -> PathBuf {
        let profile = folder.join("profile");
        for (path, text) in [
            ("Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/000003.log", "keys"),
            ("Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/LOCK", ""),
            ("Default/Local Storage/leveldb/000003.log", "who"),
            ("Default/Cache/data_0", "much"),
            ("Local State", "{}"),
        ] {
            let path = profile.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        profile
    }

    #[test]
    fn only_what_a_login_needs_is_copied() {
        let folder = tempfile::tempdir().expect("a folder");
        let profile = profile(folder.path());
        let target = folder.path().join("copy");
        LoginFiles::of(&profile).expect("a login").copy_to(&target).expect("copied");
        let mut paths = Vec::new();
        archive::walk(&target, Path::new(""), &mut paths).expect("readable");
        assert!(paths.len() == 3 && paths.iter().all(|path| is_needed(path)), "{paths:?}");
        assert!(profile.join("Default/Cache/data_0").exists(), "the original stays");
        assert!(LoginFiles::of(folder.path()).is_err());
    }

    #[test]
    fn what_is_no_part_of_a_login_is_not_taken_in() {
        assert!(is_needed("Default/IndexedDB/a"));
        for path in ["Default/Preferences", "Default/IndexedDB/../../x", "Default/IndexedDBs/x", "x"] {
            assert!(!is_needed(path), "{path}");
        }
    }

    #[test]
    fn a_database_that_is_open_has_a_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let profile = profile(folder.path());
        let files = LoginFiles::of(&profile).expect("a login");
        assert_eq!(files.holder().expect("readable"), None);
        // Another process, since a process' own locks do not count; perl is on every Debian.
        let lock = profile.join("Default/IndexedDB").join(OF_WHATSAPP).join("LOCK");
        let script = "use Fcntl; open(F,'+<',$ARGV[0]) or die; \
                      my $l=pack('ssx4qqlx4',F_WRLCK,0,0,0,0); fcntl(F,F_SETLK,$l) or die; $|=1; print \"x\"; <STDIN>;";
        let mut child = Command::new("perl")
            .args(["-e", script])
            .arg(&lock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("perl");
        let mut said = [0];
        child.stdout.as_mut().expect("piped").read_exact(&mut said).expect("it locked");
        assert_eq!(files.holder().expect("readable"), Some(child.id()));
        drop(child.stdin.take());
        child.wait().expect("ours");
        assert_eq!(files.holder().expect("readable"), None);
    }
}
