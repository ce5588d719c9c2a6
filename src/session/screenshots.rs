//! Pictures of pages that failed: `screenshots/<session>/<time>-<reason>.png` in the data folder. They may show chats, so only the
//! owner of the folder reads them. A bounded number is kept.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::model::{KeptScreenshot, SessionName};

/// The pictures of all sessions.
#[derive(Debug, Clone)]
pub(super) struct Screenshots {
    folder: PathBuf,
}

impl Screenshots {
    /// Under this data folder.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("screenshots") }
    }

    fn folder_of(&self, session: &SessionName) -> PathBuf {
        self.folder.join(session.as_str())
    }

    /// Keeps a picture, and at most `limit` of them; gives those that are kept now.
    pub(super) fn keep(&self, session: &SessionName, taken: &Taken, limit: usize) -> io::Result<Vec<KeptScreenshot>> {
        let folder = self.folder_of(session);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(format!("{}-{}.png", taken.at_ms, taken.reason));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        io::Write::write_all(&mut file, &taken.png)?;
        let kept = self.list(session);
        let surplus = kept.len().saturating_sub(limit);
        for old in &kept[..surplus] {
            fs::remove_file(folder.join(&old.name))?;
        }
        Ok(kept[surplus..].to_vec())
    }

    /// Those that are kept, oldest first.
    pub(super) fn list(&self, session: &SessionName) -> Vec<KeptScreenshot> {
        let entries = fs::read_dir(self.folder_of(session)).into_iter().flatten().flatten();
        let mut kept: Vec<_> = entries.filter_map(|entry| parse(&entry.file_name().to_string_lossy())).collect();
        kept.sort_by_key(|kept| kept.at_ms);
        kept
    }

    /// One of them; None when it is not there.
    pub(super) fn read(&self, session: &SessionName, name: &str) -> io::Result<Option<Vec<u8>>> {
        // Only what has such a name is a file of ours.
        let Some(kept) = parse(name) else { return Ok(None) };
        match fs::read(self.folder_of(session).join(kept.name)) {
            Ok(png) => Ok(Some(png)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes those of a session.
    pub(super) fn delete(&self, session: &SessionName) -> io::Result<()> {
        match fs::remove_dir_all(self.folder_of(session)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// A picture that was taken.
pub(super) struct Taken {
    pub(super) at_ms: i64,
    /// The reason's code.
    pub(super) reason: String,
    pub(super) png: Vec<u8>,
}

fn parse(name: &str) -> Option<KeptScreenshot> {
    let (at_ms, reason) = name.strip_suffix(".png")?.split_once('-')?;
    let is_code = !reason.is_empty() && reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let at_ms = at_ms.parse().ok().filter(|_| is_code)?;
    Some(KeptScreenshot { name: name.to_owned(), at_ms, reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_last_ones_are_kept_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let screenshots = Screenshots::new(folder.path());
        let session: SessionName = "main".parse().unwrap();
        assert!(screenshots.list(&session).is_empty());
        for at_ms in [9, 10, 11] {
            let taken = Taken { at_ms, reason: "never_ready".to_owned(), png: vec![1] };
            screenshots.keep(&session, &taken, 2).unwrap();
        }
        let names: Vec<String> = screenshots.list(&session).into_iter().map(|kept| kept.name).collect();
        assert_eq!(names, ["10-never_ready.png", "11-never_ready.png"]);
        assert_eq!(screenshots.read(&session, "11-never_ready.png").unwrap(), Some(vec![1]));
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("screenshots/main"), mode("screenshots/main/11-never_ready.png")), (0o700, 0o600));
        screenshots.delete(&session).unwrap();
        screenshots.delete(&session).unwrap();
        assert!(screenshots.list(&session).is_empty());
    }

    #[test]
    fn nothing_else_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("screenshots/main")).unwrap();
        fs::write(folder.path().join("screenshots/secret.png"), "x").unwrap();
        let screenshots = Screenshots::new(folder.path());
        for name in ["../secret.png", "1-../../secret.png", "1-a/b.png", "1-.png", "x-banned.png", "", "2-banned.png"] {
            assert_eq!(screenshots.read(&"main".parse().unwrap(), name).unwrap(), None, "{name}");
        }
    }
}
