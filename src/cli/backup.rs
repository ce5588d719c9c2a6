//! `drover backup [verify|key]`
//!
//! A running drover gathers the parts and sends them; here they are checked, compressed, encrypted and written, so that neither a
//! passphrase nor anything encrypted by it goes to the daemon. Without one, the data folder itself is read, under its lock.

mod keys;
mod source;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{
    error::CliError,
    output::{Progress, say, say_json},
    table,
};
use crate::{
    backup::{self, Manifest},
    config::{Config, Sources},
};
use keys::LockArgs;
pub(super) use keys::UnlockArgs;

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover backup --to drover.age --passphrase-file secret.txt
  drover backup key --to backup.key                              once; prints the public key
  drover backup --to drover.age --recipient age1...              the key itself stays elsewhere
  drover backup verify drover.age --identity backup.key
  drover restore drover.age --identity backup.key --data-dir ./restored

The file is age's (age-encryption.org) around zstd around tar. docs/backup.md tells what is in it.";

/// What to do; without a command a backup is made.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file to write. One that is there is replaced once the new one is whole.
    #[arg(long, value_name = "FILE", required = true)]
    to: Option<PathBuf>,
    #[command(flatten)]
    lock: LockArgs,
    /// JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read a whole backup, hold every part against its SHA-256, and tell what is in it.
    Verify {
        /// The backup.
        file: PathBuf,
        #[command(flatten)]
        unlock: UnlockArgs,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a key pair: the key into a new file, its public half to stdout.
    Key {
        /// The file to write; it must not be there.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// Does it. `url` is what `--url` said.
pub(super) async fn backup(config: &Config, sources: &Sources, url: Option<&str>, args: &Args) -> Result<(), CliError> {
    match &args.command {
        Some(Command::Verify { file, unlock, json }) => verify(file, unlock, *json).await,
        Some(Command::Key { to }) => Ok(say(&backup::make_key_file(to)?)?),
        None => {
            let to = args.to.as_deref().ok_or_else(|| CliError::Usage("name the file with --to".to_owned()))?;
            make(source::open(config, sources, url).await?, to, args).await
        }
    }
}

async fn make(source: source::Source, to: &Path, args: &Args) -> Result<(), CliError> {
    let lock = args.lock.read()?;
    let unlock = args.lock.to_verify()?;
    let progress = Progress::begin("gathering logins, database and settings");
    let reader = source.read(&progress).await?;
    let target = to.to_owned();
    let manifest = blocking(move || backup::seal(reader, &lock, &target)).await??;
    if let Some(unlock) = unlock {
        progress.tell("reading it again".to_owned());
        let target = to.to_owned();
        blocking(move || backup::verify(&target, &unlock)).await??;
    }
    drop(progress);
    show(to, &manifest, args.json)?;
    let missing: Vec<_> = manifest.missing.iter().map(|one| format!("{} ({})", one.session, one.reason)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::NotDone(format!("the backup is whole, but without the login of {}", missing.join(", "))))
}

async fn verify(file: &Path, unlock: &UnlockArgs, is_json: bool) -> Result<(), CliError> {
    let unlock = unlock.read()?;
    let progress = Progress::begin("reading the backup");
    let target = file.to_owned();
    let manifest = blocking(move || backup::verify(&target, &unlock)).await??;
    drop(progress);
    show(file, &manifest, is_json)
}

fn show(file: &Path, manifest: &Manifest, is_json: bool) -> Result<(), CliError> {
    let bytes = std::fs::metadata(file).map(|file| file.len()).unwrap_or_default();
    if is_json {
        let missing: Vec<_> =
            manifest.missing.iter().map(|one| json!({ "session": one.session, "reason": one.reason })).collect();
        return Ok(say_json(&json!({
            "file": file, "bytes": bytes, "contentBytes": manifest.bytes(), "madeAtMs": manifest.made_at_ms,
            "version": manifest.version, "database": manifest.database, "sessions": manifest.sessions,
            "missing": missing, "parts": manifest.parts.len(),
        }))?);
    }
    Ok(table::print_facts(&facts(file, bytes, manifest))?)
}

/// What a person wants to know of a backup.
pub(super) fn facts(file: &Path, bytes: u64, manifest: &Manifest) -> Vec<(&'static str, String)> {
    let at = jiff::Timestamp::from_millisecond(manifest.made_at_ms).unwrap_or_default();
    let at = at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
    let logins = match manifest.sessions.len() {
        0 => "none".to_owned(),
        count => format!("{count}: {}", manifest.sessions.join(", ")),
    };
    let missing: Vec<_> = manifest.missing.iter().map(|one| one.session.as_str()).collect();
    vec![
        ("backup", format!("{}, {}, of {}", file.display(), size_of(bytes), size_of(manifest.bytes()))),
        ("made", format!("{at} by drover {}", manifest.version)),
        ("logins", logins),
        ("missing", missing.join(", ")),
        ("database", manifest.database.clone()),
        ("parts", format!("{}, each as its SHA-256 says", manifest.parts.len())),
    ]
}

fn size_of(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// Runs what blocks beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, CliError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| CliError::NotDone(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_at_a_glance() {
        assert_eq!(size_of(3_141_592), "3.1 MB");
        assert_eq!(size_of(5_692), "6 kB");
    }
}
