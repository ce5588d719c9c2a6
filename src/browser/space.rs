//! The free space that a browser needs. Chromium does not fail on a full disk: it goes on without its storage, or with a new and
//! empty one, and a login that is on the disk is then no login to WhatsApp Web. So none is started there.

use std::{io, path::Path};

use nix::sys::statvfs::statvfs;

/// What a start writes at the least, with some to spare: a linked profile grows by some 10 MB while it syncs.
const NEEDED_BYTES: u64 = 32 * 1024 * 1024;
const MEGABYTE: u64 = 1024 * 1024;

/// Whether a browser may start on the profile.
///
/// # Errors
/// [`io::ErrorKind::StorageFull`] when there is too little; and when nobody can say.
pub(super) fn check(profile: &Path) -> io::Result<()> {
    let exists = profile.ancestors().find(|folder| folder.exists()).unwrap_or(profile);
    let disk = statvfs(exists)?;
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    if free >= NEEDED_BYTES {
        return Ok(());
    }
    let message =
        format!("{} MB are free on its disk, and Chromium needs {}", free / MEGABYTE, NEEDED_BYTES / MEGABYTE);
    Err(io::Error::new(io::ErrorKind::StorageFull, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_is_not_there_yet_is_looked_at_where_it_will_be() {
        let folder = tempfile::tempdir().expect("a folder");
        check(&folder.path().join("profiles/alpha")).expect("the machine that runs the tests has space");
        // A file system without any blocks.
        let error = check(Path::new("/proc/self")).expect_err("it has no space");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
    }
}
