//! The binary: in a container the init first; then parse arguments, load the configuration, run. `drover::cli` has it all.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Before anything else, since only a process of one thread may fork.
    if let Some(code) = drover::init::run_as_pid_1() {
        return code;
    }
    drover::cli::run(drover::cli::Cli::parse())
}
