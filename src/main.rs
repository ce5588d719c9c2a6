//! The binary: parse arguments, load the configuration, run. `drover::cli` has it all.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    drover::cli::run(drover::cli::Cli::parse())
}
