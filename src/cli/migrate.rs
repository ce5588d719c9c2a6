//! `drover migrate [status]`: the schema of the configured database. Every start of the daemon does this by itself; here it
//! can be looked at, or done before.

use serde_json::json;

use super::{
    error::CliError,
    output::{Progress, say, say_json},
    table,
};
use crate::{
    config::Config,
    daemon,
    store::{self, Migration, Store},
};

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover migrate status                     what is applied, and what is not yet
  drover migrate                            bring the schema up to date, as every start does
  DATABASE_URL=postgres://user:password@host/drover drover migrate";

/// What to do; without a command the schema is brought up to date.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring the schema up to date (the default).
    Run,
    /// Show which migrations are applied; changes nothing.
    Status {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Does it.
pub(super) async fn migrate(config: &Config, args: &Args) -> Result<(), CliError> {
    let url = daemon::database_url(config, &config.data.dir);
    match args.command {
        None | Some(Command::Run) => {
            daemon::make_data_dir(&config.data.dir).map_err(CliError::Daemon)?;
            run(&url).await
        }
        Some(Command::Status { json }) => status(&url, json).await,
    }
}

async fn run(url: &str) -> Result<(), CliError> {
    let pending = pending(&store::migrations(url).await?);
    let progress = Progress::begin("bringing the database's schema up to date");
    Store::open(url).await?.close().await;
    drop(progress);
    match pending.len() {
        0 => say("The schema is up to date.")?,
        _ => pending.iter().try_for_each(|migration| say(&format!("applied {}", name(migration))))?,
    }
    Ok(())
}

async fn status(url: &str, is_json: bool) -> Result<(), CliError> {
    let migrations = store::migrations(url).await?;
    if is_json {
        let list = migrations.iter().map(|migration| {
            json!({ "version": migration.version, "description": migration.description, "applied": migration.is_applied })
        });
        return Ok(say_json(&list.collect())?);
    }
    let cells: Vec<_> = migrations
        .iter()
        .map(|migration| {
            let state = if migration.is_applied { "applied" } else { "pending" };
            [migration.version.to_string(), migration.description.clone(), state.to_owned()]
        })
        .collect();
    table::print(["VERSION", "MIGRATION", "STATE"], &cells, Some(2))?;
    Ok(())
}

fn pending(migrations: &[Migration]) -> Vec<Migration> {
    migrations.iter().filter(|migration| !migration.is_applied).cloned().collect()
}

fn name(migration: &Migration) -> String {
    format!("{} ({})", migration.version, migration.description)
}
