//! `drover restore <file>`

use std::path::PathBuf;

use super::{
    backup::{UnlockArgs, facts},
    error::CliError,
    output::{Progress, say},
    table,
};
use crate::{backup, config::Config, daemon};

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover restore drover.age --passphrase-file secret.txt --data-dir ./restored
  DATABASE_URL=postgres://... drover restore drover.age --identity backup.key

The data folder must be empty, or not there; so must the PostgreSQL database, if the backup is of one. Stop the drover that the backup
is of before you start the restored one: a login runs in one place at a time.";

/// Which backup, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// The folder to restore into. Default: the data folder of the settings.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// Restores it.
pub(super) async fn restore(config: &Config, args: &Args) -> Result<(), CliError> {
    let unlock = args.unlock.read()?;
    let data_dir = args.data_dir.as_ref().unwrap_or(&config.data.dir);
    let progress = Progress::begin("reading and checking the backup");
    let url = daemon::database_url(config, data_dir);
    let restored = backup::restore(&args.file, unlock, data_dir, &url).await?;
    drop(progress);
    let bytes = std::fs::metadata(&args.file).map(|file| file.len()).unwrap_or_default();
    table::print_facts(&facts(&args.file, bytes, &restored.manifest))?;
    say(&format!("Restored into {}.", data_dir.display()))?;
    if let Some(settings) = restored.settings {
        say(&format!(
            "The settings lie in {}: look at them, and put them where drover is started.",
            settings.display()
        ))?;
    }
    say(&format!("Next: DROVER_DATA_DIR={} drover serve", data_dir.display()))?;
    Ok(())
}
