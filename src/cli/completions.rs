//! `drover completions <shell>`

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, error::CliError};

/// Where each shell looks.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover completions bash > /etc/bash_completion.d/drover
  drover completions zsh > \"${fpath[1]}/_drover\"
  drover completions fish > ~/.config/fish/completions/drover.fish";

/// For which shell.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

/// Writes the shell's script.
pub(super) fn completions(args: &Args) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drover", &mut script);
    Ok(super::output::write(&script)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_completed() {
        let mut script = Vec::new();
        clap_complete::generate(Shell::Bash, &mut Cli::command(), "drover", &mut script);
        let script = String::from_utf8(script).expect("text");
        for command in Cli::command().get_subcommands() {
            assert!(script.contains(&format!("drover__subcmd__{}", command.get_name())), "{}", command.get_name());
        }
    }
}
