//! What the disk below a folder has left.

use std::{
    io::{self, Write},
    path::Path,
};

use nix::{
    errno::Errno,
    sys::statvfs::{FsFlags, statvfs},
};

/// A disk, as a process without privileges may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Its size in bytes.
    pub total_bytes: u64,
    /// What can still be written, in bytes.
    pub available_bytes: u64,
    /// It is mounted read-only.
    pub is_read_only: bool,
}

impl Disk {
    /// The disk that holds the folder. A network disk may take its time: not to be asked on a thread that must not wait.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let stat = statvfs(folder)?;
        let block_bytes = stat.fragment_size();
        Ok(Self {
            total_bytes: stat.blocks().saturating_mul(block_bytes),
            available_bytes: stat.blocks_available().saturating_mul(block_bytes),
            is_read_only: stat.flags().contains(FsFlags::ST_RDONLY),
        })
    }
}

/// Writes a little into a folder and lets it go. A disk to which the kernel stopped writing after an error need not say so of itself:
/// only a try tells. It may take its time, as [`Disk::of`] may.
///
/// # Errors
/// When the folder takes nothing.
pub fn try_writing(folder: &Path) -> io::Result<()> {
    // It has no name, so that nothing of it stays, however this ends.
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(b"drover")?;
    file.flush()
}

/// The name by which the kernel calls an error, such as `EROFS`; empty when it is none of the kernel's.
#[must_use]
pub fn error_name(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(String::new, |number| format!("{:?}", Errno::from_raw(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lies_on_a_disk_and_proc_on_none_that_takes_anything() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::of(folder.path()).expect("it is there");
        assert!(disk.total_bytes >= disk.available_bytes && disk.available_bytes > 0, "{disk:?}");
        assert!(!disk.is_read_only);
        assert_eq!(Disk::of(Path::new("/proc")).expect("it is mounted").available_bytes, 0);
        assert!(Disk::of(Path::new("/no/such/folder")).is_err());
    }

    #[test]
    fn a_try_leaves_nothing_and_tells_what_refuses_it() {
        let folder = tempfile::tempdir().expect("a folder");
        try_writing(folder.path()).expect("it takes something");
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
        let refused = try_writing(Path::new("/no/such/folder")).expect_err("there is none");
        assert_eq!(error_name(&refused), "ENOENT");
        assert_eq!(error_name(&io::Error::other("ours")), "");
        assert!(try_writing(Path::new("/proc")).is_err());
    }
}
