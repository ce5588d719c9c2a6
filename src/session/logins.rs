//! Where logins lie on disk: `profiles/<session>` while in use, `archive/<session>-<time>` when lost.
//!
//! Nothing here deletes a login but [`Logins::delete`], which only an explicit DELETE of a session calls.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::model::SessionName;

/// The folders of the logins, under the data folder.
#[derive(Debug, Clone)]
pub struct Logins {
    profiles: PathBuf,
    archive: PathBuf,
}

impl Logins {
    /// Under this data folder.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self { profiles: data_dir.join("profiles"), archive: data_dir.join("archive") }
    }

    /// The folder of all profiles.
    #[must_use]
    pub fn profiles(&self) -> &Path {
        &self.profiles
    }

    /// A session's profile.
    #[must_use]
    pub fn profile(&self, session: &SessionName) -> PathBuf {
        self.profiles.join(session.as_str())
    }

    /// Moves a session's profile to the archive. One that is not there is archived already.
    ///
    /// # Errors
    /// When the folder cannot be moved.
    pub async fn archive(&self, session: &SessionName, now_ms: i64) -> io::Result<()> {
        tokio::fs::create_dir_all(&self.archive).await?;
        let target = self.archive.join(format!("{session}-{now_ms}"));
        match tokio::fs::rename(self.profile(session), target).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Moves a profile that was made elsewhere, on the same file system, to where a session's lies; nothing may lie there.
    ///
    /// # Errors
    /// When the folder cannot be moved.
    pub async fn adopt(&self, session: &SessionName, profile: &Path) -> io::Result<()> {
        tokio::fs::rename(profile, self.profile(session)).await?;
        tokio::fs::File::open(&self.profiles).await?.sync_all().await
    }

    /// Deletes a session's profile for good.
    ///
    /// # Errors
    /// When the folder cannot be removed.
    pub async fn delete(&self, session: &SessionName) -> io::Result<()> {
        match tokio::fs::remove_dir_all(self.profile(session)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_profile_is_archived_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let logins = Logins::new(folder.path());
        let session: SessionName = "main".parse().unwrap();
        tokio::fs::create_dir_all(logins.profile(&session)).await.unwrap();
        tokio::fs::write(logins.profile(&session).join("login"), "kept").await.unwrap();
        logins.archive(&session, 42).await.unwrap();
        logins.archive(&session, 43).await.unwrap();
        assert!(!logins.profile(&session).exists());
        assert_eq!(tokio::fs::read(folder.path().join("archive/main-42/login")).await.unwrap(), b"kept");
        assert!(!folder.path().join("archive/main-43").exists());
    }

    #[tokio::test]
    async fn deleting_what_is_not_there_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        Logins::new(folder.path()).delete(&"main".parse().unwrap()).await.unwrap();
    }
}
