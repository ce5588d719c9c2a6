//! Where the parts of a backup come from: a running drover, or the data folder of one that does not run.

use std::{io, path::Path};

use futures::StreamExt;

use super::blocking;
use crate::{
    backup::{Collection, PipeReader, Places, pipe},
    cli::{client::Client, error::CliError, output::Progress},
    clock::{Clock, SystemClock},
    config::{Config, Sources},
    daemon::{self, HeldFolder},
    model::SessionName,
};

/// Where they come from.
pub(super) enum Source {
    /// A drover that answers.
    Running(reqwest::Response),
    /// A data folder that no drover has.
    AtRest(HeldFolder, Places),
}

/// Asks the drover that runs; where none does, and no other address was given, takes the data folder.
pub(super) async fn open(config: &Config, sources: &Sources, url: Option<&str>) -> Result<Source, CliError> {
    let is_elsewhere = url.is_some() || std::env::var_os("DROVER_URL").is_some_and(|url| !url.is_empty());
    let asked = match Client::new(config, url) {
        Ok(client) => client.post_stream("/api/backup").await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(response) => Ok(Source::Running(response)),
        Err(CliError::Unreachable { .. } | CliError::NoKey { .. } | CliError::UnknownAddress) if !is_elsewhere => {
            let folder = daemon::hold_data_dir(&config.data.dir).map_err(CliError::Daemon)?;
            let places = daemon::backup_places(config, sources, folder.path());
            Ok(Source::AtRest(folder, places))
        }
        Err(error) => Err(error),
    }
}

impl Source {
    /// The archive, to be read while it is made.
    pub(super) async fn read(self, progress: &Progress) -> Result<PipeReader, CliError> {
        let (mut writer, reader) = pipe();
        match self {
            Self::Running(response) => {
                progress.tell("receiving logins, database and settings".to_owned());
                let mut bytes = response.bytes_stream();
                tokio::spawn(async move {
                    while let Some(part) = bytes.next().await {
                        match part {
                            // Whoever does not read any more has failed, and says why.
                            Ok(part) if writer.pass(part.to_vec()).await => {}
                            Ok(_) => return,
                            Err(error) => return writer.fail(io::Error::other(error)).await,
                        }
                    }
                });
            }
            Self::AtRest(folder, places) => {
                progress.tell("copying logins, database and settings".to_owned());
                let sessions = sessions_in(&folder.path().join("profiles"))?;
                let data_dir = folder.path().to_owned();
                let mut collection = Collection::begin(places)?;
                let collection = blocking(move || {
                    for name in sessions {
                        if let Err(error) = collection.add_login(&name, &data_dir.join("profiles").join(name.as_str()))
                        {
                            collection.lacks(&name, error.to_string());
                        }
                    }
                    collection
                })
                .await?;
                let collected = collection.finish(SystemClock.now_ms()).await?;
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = collected.write(&mut writer) {
                        writer.fail_blocking(io::Error::other(error.to_string()));
                    }
                    folder.release();
                });
            }
        }
        Ok(reader)
    }
}

/// Whose profiles there are.
fn sessions_in(profiles: &Path) -> Result<Vec<SessionName>, CliError> {
    let entries = match std::fs::read_dir(profiles) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(CliError::File { path: profiles.to_owned(), source }),
    };
    let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let mut names: Vec<SessionName> =
        folders.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    names.sort();
    Ok(names)
}
