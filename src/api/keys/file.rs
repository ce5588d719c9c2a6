//! The file with the admin key: made once, readable by its owner alone, never half written.

use std::{
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use super::form;

/// The key in the file. One that is empty was being made when the process died.
pub(super) fn read_or_make(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => {
            keep_private(path)?;
            Ok(text.trim().to_owned())
        }
        Ok(_) => write_new(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_new(path),
        Err(error) => Err(error),
    }
}

/// Takes the file from everybody but its owner.
fn keep_private(path: &Path) -> io::Result<()> {
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others could read the admin key's file; it is 0600 again");
        permissions.set_mode(0o600);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// Writes beside the file and renames, so that nobody ever reads half a key.
fn write_new(path: &Path) -> io::Result<String> {
    let key = form::make();
    let beside = path.with_extension("key.new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE_NAME: &str = "admin.key";

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("the file").permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_made_once_and_for_the_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        let made = read_or_make(&path).expect("a key");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(read_or_make(&path).expect("the same key"), made);
        let files = std::fs::read_dir(folder.path()).expect("the folder").count();
        assert_eq!(files, 1, "something was left beside it");
    }

    #[test]
    fn a_file_that_others_can_read_is_taken_from_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "a key of the operator's\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert_eq!(read_or_make(&path).expect("a key"), "a key of the operator's");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn an_empty_file_gets_a_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "").expect("written");
        assert!(read_or_make(&path).expect("a key").starts_with("drover_"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read_or_make(&folder.path().join("missing").join(FILE_NAME)).is_err());
    }
}
