//! Tells when a file changed: the only place that knows of file system notifications.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Editors write a file in several steps; what changed within this time is one change.
const SETTLE: Duration = Duration::from_millis(200);

/// Watches one file, also while it is replaced or not there; or the files of one folder.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    changes: mpsc::Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl FileWatch {
    /// Watches the file, or the folder's files, from now on. A file's folder must be there.
    ///
    /// # Errors
    /// When the folder is not there, or the system has no watches left.
    pub fn new(path: &Path) -> Result<Self, notify::Error> {
        Self::with_depth(path, RecursiveMode::NonRecursive)
    }

    /// Watches a folder with all that lies in its folders.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_tree(path: &Path) -> Result<Self, notify::Error> {
        Self::with_depth(path, RecursiveMode::Recursive)
    }

    fn with_depth(path: &Path, depth: RecursiveMode) -> Result<Self, notify::Error> {
        let path = std::path::absolute(path).map_err(notify::Error::io)?;
        let is_folder = path.is_dir();
        let folder = if is_folder { &path } else { path.parent().unwrap_or(Path::new("/")) }.to_owned();
        let name = path.file_name().map(ToOwned::to_owned);
        let (sender, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
            let Ok(event) = event else { return };
            let concerns = is_folder || event.paths.iter().any(|changed| changed.file_name() == name.as_deref());
            if concerns && !matches!(event.kind, EventKind::Access(_)) {
                // Full means that a change is waiting to be heard already.
                let _ = sender.try_send(());
            }
        })?;
        // Editors replace files rather than write into them, so the folder is watched.
        watcher.watch(&folder, depth)?;
        Ok(Self { path, changes, _watcher: watcher })
    }

    /// The next change, once it has settled. Never ends by itself.
    pub async fn settled(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while tokio::time::timeout(SETTLE, self.changes.recv()).await.is_ok_and(|change| change.is_some()) {}
    }

    /// The next content of the file, once it has settled and can be read. Never ends by itself.
    pub async fn changed(&mut self) -> String {
        loop {
            self.settled().await;
            // Removed meanwhile: the next change brings it back.
            if let Ok(content) = tokio::fs::read_to_string(&self.path).await {
                return content;
            }
        }
    }
}

/// The content of a file that nobody is writing right now: it is the same twice, with the time between that a change takes.
///
/// # Errors
/// When it cannot be read.
pub async fn read_settled(path: &Path) -> std::io::Result<String> {
    let mut content = tokio::fs::read_to_string(path).await?;
    loop {
        tokio::time::sleep(SETTLE).await;
        let now = tokio::fs::read_to_string(path).await?;
        if now == content {
            return Ok(now);
        }
        content = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_replaced_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.js");
        std::fs::write(&path, "one").unwrap();
        let mut watch = FileWatch::new(&path).unwrap();
        std::fs::write(folder.path().join("other"), "x").unwrap();
        std::fs::write(folder.path().join("new"), "two").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let content = tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.unwrap();
        assert_eq!(content, "two");
    }

    #[tokio::test]
    async fn a_file_of_a_folder_that_changed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = FileWatch::new(folder.path()).unwrap();
        std::fs::write(folder.path().join("part.js"), "one").unwrap();
        tokio::time::timeout(Duration::from_secs(10), watch.settled()).await.unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(FileWatch::new(Path::new("/nowhere/at/all/bridge.js")).is_err());
    }
}
