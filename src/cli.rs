//! The command line: one file a command. `serve` is the daemon; `config`, `doctor`, `migrate`, `restore` and `completions` work without one, `backup` with one or without; every
//! other command talks to a running daemon over its API, as any client does.
//!
//! What a command answers goes to stdout, everything else to stderr. An error is one line that says what to do, and an
//! exit code that `--help` documents.

mod alert;
mod backup;
mod client;
mod completions;
mod config_check;
mod dead;
mod doctor;
mod error;
mod events;
mod health;
mod import;
mod keys;
mod link;
mod migrate;
mod output;
mod queue;
mod restore;
mod send;
mod serve;
mod sessions;
mod sse;
mod table;
mod terminal;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    config::{self, Sources},
    daemon,
};
use client::Client;
use error::CliError;

/// What the exit codes mean.
const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed, or not well; the message says why
  2    wrong arguments or settings
  3    no drover answers at that address
  4    the key is missing, wrong, or not allowed to do that
  130  interrupted

Settings come from drover.toml, .env and the environment; `drover config check` shows them.";

/// Keeps WhatsApp Web sessions alive and sends what backends queue: once, in order, at the pace each session may.
#[derive(Debug, Parser)]
#[command(name = "drover", version, about, after_help = EXIT_CODES)]
pub struct Cli {
    /// A file of settings to read instead of ./drover.toml.
    #[arg(long, global = true, value_name = "FILE", env = "DROVER_CONFIG")]
    config: Option<PathBuf>,
    /// Where the daemon answers, such as http://127.0.0.1:3000. Default: DROVER_URL, else what the settings say.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon (the default).
    Serve,
    /// Ask whether the daemon is ready, as a container's health check does. Needs no key.
    Health(health::Args),
    /// Look after the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look whether this machine has what drover needs: Chromium, Redis, database, disk, memory, clock, network, fonts.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Args),
    /// Bring the database's schema up to date, or see how it stands.
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Args),
    /// Make a backup of logins, database and settings, as one encrypted file; verify one; make a key for it.
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::Args),
    /// Restore a backup into an empty data folder.
    #[command(after_help = restore::EXAMPLES)]
    Restore(restore::Args),
    /// Write a shell's completion script.
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Args),
    #[command(flatten)]
    Ask(Ask),
}

/// What a running daemon is asked.
#[derive(Debug, Subcommand)]
enum Ask {
    /// Link a phone: make and start the session where needed, and show the QR code to scan.
    #[command(after_help = link::EXAMPLES)]
    Link(link::Args),
    /// Bring in logins that whatsapp-web.js made (LocalAuth); no QR is needed.
    #[command(after_help = import::EXAMPLES)]
    Import(import::Args),
    /// List the sessions; show, start, stop, restart, log out, picture or remove one.
    #[command(after_help = sessions::EXAMPLES)]
    Sessions(sessions::Args),
    /// Send a text.
    #[command(after_help = send::EXAMPLES)]
    Send(send::Args),
    /// Show what happened, or what happens.
    #[command(after_help = events::EXAMPLES)]
    Events(events::Args),
    /// See how the queues stand, pause, resume or clear them.
    #[command(subcommand, after_help = queue::EXAMPLES)]
    Queue(queue::Command),
    /// See what was given up, try it again, or remove it.
    #[command(subcommand, after_help = dead::EXAMPLES)]
    Dead(dead::Command),
    /// Give backends keys of their own: list, make, revoke.
    #[command(subcommand, after_help = keys::EXAMPLES)]
    Keys(keys::Command),
    /// Try out whether mails about alerts arrive, and see which problems are open.
    #[command(subcommand)]
    Alert(alert::Command),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the settings, and show each with where it was set.
    Check {
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Does what was asked for and tells how it ended.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(cli: Cli) -> Result<(), CliError> {
    // Also where the settings are wrong.
    if let Some(Command::Completions(args)) = &cli.command {
        return completions::completions(args);
    }
    let named = cli.config.filter(|path| !path.as_os_str().is_empty());
    // Before the runtime: `.env` goes into the process' environment, which only a process of one thread may change.
    let sources = Sources::of_process(named.as_deref())?;
    let loaded = config::load(&sources)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            daemon::before_threads();
            block_on(&mut tokio::runtime::Builder::new_multi_thread(), serve::serve(loaded, sources))
        }
        Command::Config(ConfigCommand::Check { json }) => config_check::check(&loaded, json),
        Command::Health(args) => {
            let client = Client::without_key(&loaded.config, cli.url.as_deref())?;
            alone(health::health(&client, &args))
        }
        Command::Completions(args) => completions::completions(&args),
        Command::Doctor(args) => alone(doctor::doctor(&loaded.config, &args)),
        Command::Backup(args) => alone(backup::backup(&loaded.config, &sources, cli.url.as_deref(), &args)),
        Command::Restore(args) => alone(restore::restore(&loaded.config, &args)),
        Command::Migrate(args) => alone(migrate::migrate(&loaded.config, &args)),
        Command::Ask(question) => {
            let client = Client::new(&loaded.config, cli.url.as_deref())?;
            alone(ask(question, &client))
        }
    }
}

async fn ask(question: Ask, client: &Client) -> Result<(), CliError> {
    match question {
        Ask::Link(args) => link::link(client, &args).await,
        Ask::Import(args) => import::import(client, &args).await,
        Ask::Sessions(args) => sessions::sessions(client, &args).await,
        Ask::Send(args) => send::send(client, &args).await,
        Ask::Events(args) => events::events(client, &args).await,
        Ask::Queue(command) => queue::queue(client, &command).await,
        Ask::Dead(command) => dead::dead(client, &command).await,
        Ask::Keys(command) => keys::keys(client, &command).await,
        Ask::Alert(command) => alert::alert(client, &command).await,
    }
}

/// Runs a command on this thread.
fn alone(command: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    block_on(&mut tokio::runtime::Builder::new_current_thread(), command)
}

fn block_on(
    runtime: &mut tokio::runtime::Builder,
    future: impl Future<Output = Result<(), CliError>>,
) -> Result<(), CliError> {
    let runtime = runtime.enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_daemon_runs() {
        assert!(Cli::parse_from(["drover"]).command.is_none());
    }
}
