//! `drover import <folder>`: a login that whatsapp-web.js (LocalAuth) made goes on in drover, without a QR.
//!
//! The folder is only read. A running drover takes the login in over its API, so it may be elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::Client,
    error::CliError,
    output::{Progress, remark, say},
};
use crate::{
    backup::{BackupError, LoginFiles, pipe},
    browser::{Claim, profile_claim},
    model::SessionName,
};

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover import .wwebjs_auth                               every session in it, under its own name
  drover import .wwebjs_auth/session-shop                  one
  drover import .wwebjs_auth/session --session shop        one without a name of its own

End whatsapp-web.js first, and do not start it on that folder again: a login runs in one place at a time.";

/// What the folders of LocalAuth are called: `session`, or `session-<clientId>`.
const FOLDER: &str = "session";
const PULSE: Duration = Duration::from_millis(500);
/// How long a login may take until it is ready, or shows that it is none any more.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// Which login.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of LocalAuth (.wwebjs_auth), or one session's folder in it.
    folder: PathBuf,
    /// The session's name in drover. Default: what follows `session-` in the folder's name.
    #[arg(long)]
    session: Option<SessionName>,
    /// Bring the login in, but do not start the session.
    #[arg(long)]
    no_start: bool,
    /// The folder comes from another machine, and the browser there has ended.
    #[arg(long)]
    ignore_lock: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    status: String,
    me: Option<Me>,
    reason: Option<Reason>,
}

#[derive(Deserialize)]
struct Me {
    id: String,
}

#[derive(Deserialize)]
struct Reason {
    message: String,
}

/// Imports what is in the folder.
pub(super) async fn import(client: &Client, args: &Args) -> Result<(), CliError> {
    let found = logins_in(&args.folder)?;
    if found.len() > 1 && args.session.is_some() {
        return Err(CliError::Usage(format!("there are {} sessions in it: name one of their folders", found.len())));
    }
    for folder in &found {
        let name = match &args.session {
            Some(name) => name.clone(),
            None => name_of(folder)?,
        };
        let files = unused(folder, args.ignore_lock)?;
        bring_in(client, &name, files).await?;
        if args.no_start {
            say(&format!("{name}: brought in; `drover sessions start {name}` starts it"))?;
        } else {
            say(&follow(client, &name).await?)?;
        }
    }
    Ok(())
}

/// The folders with a login: this one, or those of LocalAuth in it.
fn logins_in(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let none = match LoginFiles::of(folder) {
        Ok(_) => return Ok(vec![folder.to_owned()]),
        Err(error) => error,
    };
    let entries = fs::read_dir(folder).map_err(|source| CliError::File { path: folder.to_owned(), source })?;
    let folders = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(FOLDER) && LoginFiles::of(path).is_ok()
    });
    let mut folders: Vec<_> = folders.collect();
    folders.sort();
    if folders.is_empty() { Err(none.into()) } else { Ok(folders) }
}

fn name_of(folder: &Path) -> Result<SessionName, CliError> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let id = name.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    id.parse().map_err(|_| {
        CliError::Usage(format!("the folder '{name}' tells no name for the session: give one with --session"))
    })
}

/// The login's files, if no browser has them.
fn unused(folder: &Path, ignores_lock: bool) -> Result<LoginFiles, BackupError> {
    let in_use = |by: String| BackupError::InUse { path: folder.to_owned(), by };
    match profile_claim(folder) {
        Some(Claim::Live(pid)) => return Err(in_use(format!("Chromium, process {pid}"))),
        Some(Claim::Elsewhere(host)) if !ignores_lock => {
            return Err(in_use(format!(
                "its SingletonLock names the machine '{host}'; if nothing runs there any more, add --ignore-lock"
            )));
        }
        _ => {}
    }
    let files = LoginFiles::of(folder)?;
    match files.holder()? {
        Some(pid) => Err(in_use(format!("process {pid}"))),
        None => Ok(files),
    }
}

async fn bring_in(client: &Client, name: &SessionName, files: LoginFiles) -> Result<(), CliError> {
    let path = format!("/api/sessions/{name}");
    let is_new = match client.get::<Value>(&path).await {
        Ok(_) => false,
        Err(error) if error.is_not_found() => {
            let _: Value = client.post("/api/sessions", &json!({ "name": name, "start": false })).await?;
            true
        }
        Err(error) => return Err(error),
    };
    let progress = Progress::begin(&format!("{name}: bringing the login in"));
    let (mut writer, reader) = pipe();
    let writing = tokio::task::spawn_blocking(move || {
        let written = files.write(&mut writer);
        if let Err(error) = &written {
            writer.fail_blocking(std::io::Error::other(error.to_string()));
        }
        written
    });
    let chunks = futures::stream::unfold(reader, async |mut reader| Some((reader.next().await?, reader))).fuse();
    let taken = client.put_stream(&format!("{path}/login"), reqwest::Body::wrap_stream(chunks)).await;
    let written = writing.await.map_err(|error| CliError::NotDone(error.to_string()))?;
    drop(progress);
    // What kept the login from being read is the cause of whatever the daemon says.
    let done = match written {
        Err(error) if !matches!(error, BackupError::BrokenOff(_)) => Err(error.into()),
        _ => taken.map(drop),
    };
    if done.is_err() && is_new {
        // The session was made for this login; that it stays is told.
        if client.delete::<Value>(&path).await.is_err() {
            remark(&format!(
                "drover: the session '{name}' was made, and has no login: `drover sessions delete {name} --yes`"
            ));
        }
    }
    done
}

/// Starts the session and waits until it can send.
async fn follow(client: &Client, name: &SessionName) -> Result<String, CliError> {
    let path = format!("/api/sessions/{name}");
    let _: Value = client.post(&format!("{path}/start"), &json!({})).await?;
    let progress = Progress::begin(&format!("{name}: starting with the login"));
    let deadline = tokio::time::Instant::now() + READY_LIMIT;
    loop {
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
            _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted("; the session goes on as it is")),
        }
        let standing: Standing = client.get(&path).await?;
        let why = standing.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.message));
        match standing.status.as_str() {
            "WORKING" => {
                let number = standing.me.as_ref().and_then(|me| me.id.split('@').next()).unwrap_or("?");
                return Ok(format!("{name}: linked as +{number}, without a QR"));
            }
            "SCAN_QR_CODE" => {
                let text =
                    format!("{name}: WhatsApp no longer knows this login: link it anew with `drover link {name}`");
                return Err(CliError::NotDone(text));
            }
            "FAILED" => return Err(CliError::NotDone(format!("{name}: the session failed{why}"))),
            _ if tokio::time::Instant::now() >= deadline => {
                let text =
                    format!("{name}: not ready after {} s{why}; `drover sessions show {name}`", READY_LIMIT.as_secs());
                return Err(CliError::NotDone(text));
            }
            status => progress.tell(format!("{name}: {status}{why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(folder: &Path) {
        for path in ["Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb", "Default/Local Storage/leveldb"] {
            fs::create_dir_all(folder.join(path)).expect("made");
        }
    }

    #[test]
    fn the_sessions_of_a_local_auth_are_found_by_their_folders() {
        let scratch = tempfile::tempdir().expect("a folder");
        assert!(logins_in(scratch.path()).is_err());
        for name in ["session-shop", "session", "other"] {
            login(&scratch.path().join(name));
        }
        fs::create_dir(scratch.path().join("session-empty")).expect("made");
        let found = logins_in(scratch.path()).expect("some");
        assert_eq!(found, [scratch.path().join("session"), scratch.path().join("session-shop")]);
        assert_eq!(logins_in(&found[1]).expect("itself"), [found[1].clone()]);
        assert_eq!(name_of(&found[1]).expect("a name").as_str(), "shop");
        assert_eq!(name_of(&found[0]).expect_err("none").exit_code(), 2);
    }

    #[test]
    fn a_profile_that_another_machine_claims_is_refused_unless_that_is_said() {
        let scratch = tempfile::tempdir().expect("a folder");
        login(scratch.path());
        std::os::unix::fs::symlink("elsewhere-1", scratch.path().join("SingletonLock")).expect("made");
        let refused = unused(scratch.path(), false).expect_err("refused").to_string();
        assert!(refused.contains("'elsewhere'") && refused.contains("--ignore-lock"), "{refused}");
        assert!(unused(scratch.path(), true).is_ok());
    }
}
