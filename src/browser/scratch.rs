//! A browser's folder for temporary files: Chromium leaves sockets and shared memory in it when it is killed, so each browser has
//! one of its own that goes with it. A link beside the profile names it, so that the next start finds what a killed drover left.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
};

use rand::RngExt;

const PREFIX: &str = "drover-b";

/// `sun_path` has 108 bytes with its end (unix(7)); Chromium appends `/org.chromium.Chromium.XXXXXX/SingletonSocket`.
const LONGEST_BYTES: usize = 108 - 1 - "/org.chromium.Chromium.XXXXXX/SingletonSocket".len();
const NAME_BYTES: usize = "/".len() + PREFIX.len() + 8;

/// Makes a folder (0700), and the link that names it.
///
/// # Errors
/// When either cannot be made; nothing is left then.
pub(super) fn make(link: &Path) -> io::Result<PathBuf> {
    remove(link)?;
    let folder = base().join(format!("{PREFIX}{:08x}", rand::rng().random::<u32>()));
    symlink(&folder, link)?;
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => {
            // Somebody else's folder of that name is not ours to remove.
            let _ = fs::remove_file(link);
            Err(error)
        }
    }
}

/// Removes the folder that the link names, with all that is in it, and the link. What is not there is fine.
///
/// # Errors
/// When something cannot be removed; the link stays then.
pub(super) fn remove(link: &Path) -> io::Result<()> {
    let folder = match fs::read_link(link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)) {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_file(link)
}

fn base() -> PathBuf {
    let folder = env::temp_dir();
    let fits = folder.is_absolute() && folder.is_dir() && folder.as_os_str().len() + NAME_BYTES <= LONGEST_BYTES;
    if fits { folder } else { PathBuf::from("/tmp") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_all_that_is_in_it() {
        let home = tempfile::tempdir().expect("a folder");
        let link = home.path().join("main.tmp");
        let folder = make(&link).expect("made");
        fs::create_dir(folder.join("org.chromium.Chromium.abc")).expect("made");
        assert!(folder.as_os_str().len() <= LONGEST_BYTES);
        let next = make(&link).expect("made");
        assert!(!folder.exists() && next.exists(), "a killed drover's is found by the link");
        remove(&link).expect("removed");
        assert!(!next.exists() && link.symlink_metadata().is_err());
        remove(&link).expect("nothing there");
    }
}
