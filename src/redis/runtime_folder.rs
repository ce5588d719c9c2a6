//! The folder of the private server's socket: short, because a unix socket's path may have 107 bytes, and named after the data
//! folder, so that the next start finds what a killed drover left in it.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// `sun_path` has 108 bytes with its end (unix(7)); the longest name in the folder is `redis.sock`.
const LONGEST_FOLDER_BYTES: usize = 96;

/// The folder for a data folder; made (0700) if it is not there.
pub(super) fn make(data_dir: &Path) -> io::Result<PathBuf> {
    let digest = Sha256::digest(fs::canonicalize(data_dir)?.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = base().join(format!("drover-{name}"));
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    // In a folder for everybody, somebody else may have made it first.
    let found = fs::symlink_metadata(&folder)?;
    let is_ours = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if is_ours {
        Ok(folder)
    } else {
        let text = format!("{} belongs to somebody else, or others may enter it: remove it", folder.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }
}

fn base() -> PathBuf {
    let candidates = [env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), Some(env::temp_dir())];
    let fits = |folder: &PathBuf| folder.is_absolute() && folder.is_dir() && folder.as_os_str().len() < 70;
    let base = candidates.into_iter().flatten().find(fits).unwrap_or_else(|| PathBuf::from("/tmp"));
    debug_assert!(base.as_os_str().len() < LONGEST_FOLDER_BYTES);
    base
}
