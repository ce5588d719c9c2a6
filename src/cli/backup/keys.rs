//! What locks a backup, and what opens it, as it is given on the command line. A passphrase is never an argument: everybody may
//! read a command line.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    backup::{Lock, Unlock},
    cli::error::CliError,
};

/// How every public key of age begins.
const PUBLIC: &str = "age1";

/// What locks it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct LockArgs {
    /// A file whose first line is the passphrase; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A public key (age1...), or a file with some, one a line: whoever has the key of one can open it.
    #[arg(long, value_name = "KEY")]
    recipient: Option<String>,
}

/// What opens it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct UnlockArgs {
    /// A file whose first line is the passphrase; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The key's file, as `drover backup key` or age-keygen makes it.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

impl LockArgs {
    pub(super) fn read(&self) -> Result<Lock, CliError> {
        match (&self.passphrase_file, &self.recipient) {
            (Some(path), _) => Ok(Lock::of_passphrase(&text_of(path)?)?),
            (None, Some(key)) if key.starts_with(PUBLIC) => Ok(Lock::of_recipients(key)?),
            (None, Some(path)) => Ok(Lock::of_recipients(&text_of(Path::new(path))?)?),
            (None, None) => Err(unlocked()),
        }
    }

    /// What opens it again at once: a passphrase does, a public key does not. One from stdin was read already.
    pub(super) fn to_verify(&self) -> Result<Option<Unlock>, CliError> {
        match &self.passphrase_file {
            Some(path) if path != Path::new("-") => Ok(Some(Unlock::of_passphrase(&text_of(path)?)?)),
            _ => Ok(None),
        }
    }
}

impl UnlockArgs {
    pub(in crate::cli) fn read(&self) -> Result<Unlock, CliError> {
        match (&self.passphrase_file, &self.identity) {
            (Some(path), _) => Ok(Unlock::of_passphrase(&text_of(path)?)?),
            (None, Some(path)) => Ok(Unlock::of_identities(&text_of(path)?)?),
            (None, None) => Err(unlocked()),
        }
    }
}

fn unlocked() -> CliError {
    CliError::Usage("say what locks it: --passphrase-file FILE, or a key".to_owned())
}

fn text_of(path: &Path) -> Result<String, CliError> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|source| CliError::File { path: path.to_owned(), source })
}
