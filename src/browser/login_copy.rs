//! A copy of a login that Chromium may not have written yet.
//!
//! What a page puts into localStorage, Chromium keeps in memory for a while (`StorageAreaImpl` in Chromium's
//! `components/services/storage/dom_storage`). A browser that is killed right after a phone was linked would take the login along, and
//! a person would have to scan again. So what localStorage holds in that moment is kept in the profile, readable by its owner
//! alone like the rest of it, until Chromium has certainly written it itself. A start that finds such a copy puts it back, before
//! any script of the page runs, but only where Chromium's own is incomplete.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chromiumoxide::{
    Page,
    cdp::browser_protocol::page::{
        AddScriptToEvaluateOnNewDocumentParams, RemoveScriptToEvaluateOnNewDocumentParams, ScriptIdentifier,
    },
    error::CdpError,
};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

const NAME: &str = "drover-login.json";

/// Chromium writes 1 s after a change, as `arguments` asks it to; much longer, so that a slow disk is none of our business.
const WRITTEN_AFTER: Duration = Duration::from_secs(30);

/// All of localStorage, as JSON.
pub(super) const ENTRIES: &str = "JSON.stringify(Object.entries(localStorage))";

/// All entries of localStorage, in no order.
type Entries = Vec<(String, String)>;

/// The copy of one profile's login. It stays on the disk when this is dropped: the browser ended before its time was over.
#[derive(Debug)]
pub(super) struct LoginCopy {
    path: PathBuf,
    written_after: Duration,
    removal: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl LoginCopy {
    /// Of the profile in this folder.
    pub(super) fn of(profile: &Path) -> Self {
        Self { path: profile.join(NAME), written_after: WRITTEN_AFTER, removal: Mutex::default() }
    }

    /// Keeps what [`ENTRIES`] gave, until Chromium has written it.
    pub(super) async fn keep(&self, entries: String) -> io::Result<()> {
        let path = self.path.clone();
        self.set_removal(None);
        let written = tokio::task::spawn_blocking(move || write(&path, &entries)).await.map_err(io::Error::other);
        // Also where this one was not written: an older one is to go all the same.
        self.remove_when_written();
        written?
    }

    /// Removes it once Chromium has written what was put into localStorage by now.
    pub(super) fn remove_when_written(&self) {
        let (path, written_after) = (self.path.clone(), self.written_after);
        let removal = async move {
            tokio::time::sleep(written_after).await;
            if let Err(error) = remove(&path) {
                tracing::warn!(%error, path = %path.display(), "a copy of the login that is not needed any more could not be removed");
            }
        };
        self.set_removal(Some(AbortOnDropHandle::new(tokio::spawn(removal.in_current_span()))));
    }

    fn set_removal(&self, removal: Option<AbortOnDropHandle<()>>) {
        *self.removal.lock().unwrap_or_else(PoisonError::into_inner) = removal;
    }

    /// Has the page's next document put back what Chromium did not write, if there is a copy.
    pub(super) async fn restore(&self, page: &Page, origin: &str) -> Result<Option<Restoring>, CdpError> {
        let Some(entries) = read(&self.path) else { return Ok(None) };
        tracing::info!("the browser before ended soon after the phone was linked: what it had not written is put back");
        let script = AddScriptToEvaluateOnNewDocumentParams::new(script(&entries, origin));
        Ok(Some(Restoring(page.execute(script).await?.result.identifier)))
    }
}

/// The script that puts a login back. It must not outlive the first document: one that comes after a logout would find it there again.
#[derive(Debug)]
pub(super) struct Restoring(ScriptIdentifier);

impl Restoring {
    /// The first document has its login.
    pub(super) async fn end(self, page: &Page) {
        // A browser that is gone has no script any more.
        let _ = page.execute(RemoveScriptToEvaluateOnNewDocumentParams::new(self.0)).await;
    }
}

/// Removes the copy of a profile whose browser has written all.
///
/// # Errors
/// When there is one and it cannot be removed.
pub(super) fn remove_from(profile: &Path) -> io::Result<()> {
    remove(&profile.join(NAME))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(path: &Path, entries: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(entries.as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, path)
}

/// None when there is no copy, or none that can be read: then what Chromium wrote has to do.
fn read(path: &Path) -> Option<Entries> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, path = %path.display(), "the copy of the login cannot be read; what Chromium wrote is used");
            }
            return None;
        }
    };
    let entries = serde_json::from_slice(&text);
    if entries.is_err() {
        tracing::warn!(path = %path.display(), "the copy of the login is broken; what Chromium wrote is used");
    }
    entries.ok().filter(|entries: &Entries| !entries.is_empty())
}

/// Chromium writes everything or nothing of what came since it last wrote: one entry that is missing means that it wrote nothing.
fn script(entries: &Entries, origin: &str) -> String {
    format!(
        "(() => {{
  if (window !== window.top || location.origin !== {origin}) return;
  const kept = {entries};
  if (kept.every(([name]) => localStorage.getItem(name) !== null)) return;
  for (const [name, value] of kept) localStorage.setItem(name, value);
}})()",
        origin = serde_json::json!(origin.trim_end_matches('/')),
        entries = serde_json::json!(entries),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_copy_is_private_and_goes_when_chromium_has_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut copy = LoginCopy::of(folder.path());
        copy.keep(r#"[["token","a"]]"#.to_owned()).await.unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path), Some(vec![("token".to_owned(), "a".to_owned())]));
        copy.written_after = Duration::ZERO;
        copy.remove_when_written();
        while path.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_copy_of_a_browser_that_ended_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let copy = LoginCopy::of(folder.path());
        copy.keep(r#"[["token","a"]]"#.to_owned()).await.unwrap();
        let removal = copy.removal.lock().unwrap().as_ref().unwrap().abort_handle();
        drop(copy);
        while !removal.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(folder.path().join(NAME).exists());
        remove_from(folder.path()).unwrap();
        remove_from(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn one_that_cannot_be_written_is_told_and_an_older_one_still_goes() {
        let folder = tempfile::tempdir().unwrap();
        let copy = LoginCopy { written_after: Duration::ZERO, ..LoginCopy::of(folder.path()) };
        let path = folder.path().join(NAME);
        fs::write(&path, r#"[["token","old"]]"#).unwrap();
        // The draft's place is taken by a folder, as a full disk would refuse it.
        fs::create_dir(path.with_extension("new")).unwrap();
        assert!(copy.keep(r#"[["token","new"]]"#.to_owned()).await.is_err());
        for _ in 0..400 {
            if !path.exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the older copy stayed");
    }

    #[test]
    fn what_is_no_copy_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(read(&path), None);
        for broken in ["", "[[\"token\"", "[]", "{}", "\u{0}"] {
            fs::write(&path, broken).unwrap();
            assert_eq!(read(&path), None, "{broken:?}");
        }
    }

    #[test]
    fn names_and_values_cannot_leave_the_script_as_code() {
        let entries = vec![("a'\"\n".to_owned(), "</script>\u{2028}\\".to_owned())];
        let text = script(&entries, "https://web.whatsapp.com/");
        assert!(text.contains(r#"location.origin !== "https://web.whatsapp.com""#), "{text}");
        assert!(text.contains(r#"[["a'\"\n","</script>"#), "{text}");
    }
}
