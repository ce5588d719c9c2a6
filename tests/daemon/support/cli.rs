//! A command of drover's CLI that runs beside the daemon.

use std::{
    process::{Child, ExitStatus},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

use super::{Drover, log::Log, wait_until};

/// A command that was started; killed when it is dropped.
pub struct Cli {
    child: Child,
    out: Log,
    err: Log,
}

impl Cli {
    /// Starts `drover <arguments>` against a daemon, as an operator on the same machine does: with the same data folder.
    #[track_caller]
    pub fn start(drover: &Drover<'_>, arguments: &[&str]) -> Self {
        let home = drover.home();
        let port = drover.api().base().rsplit(':').next().expect("an address ends with its port");
        let (out, err) = (home.log("cli.out"), home.log("cli.err"));
        let child = home
            .command(arguments)
            .env("PORT", port)
            .stdout(out.stdio())
            .stderr(err.stdio())
            .spawn()
            .expect("drover's binary can be started");
        Self { child, out, err }
    }

    /// Runs it to its end; gives what it wrote, after asserting that it went well.
    #[track_caller]
    pub fn run(drover: &Drover<'_>, arguments: &[&str]) -> String {
        let mut cli = Self::start(drover, arguments);
        let status = cli.wait(Duration::from_secs(30));
        assert!(
            status.success(),
            "'drover {}' ended with {status}: {}{}",
            arguments.join(" "),
            cli.output(),
            cli.errors()
        );
        cli.output()
    }

    /// What it wrote so far.
    pub fn output(&self) -> String {
        self.out.text()
    }

    /// What it complained about so far.
    pub fn errors(&self) -> String {
        self.err.text()
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        signal::kill(Pid::from_raw(pid), Signal::SIGINT).expect("it runs");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait_until("the command ends", limit, || self.child.try_wait().expect("it is our child"))
    }
}

impl Drop for Cli {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
        if thread::panicking() {
            self.out.print_tail("cli, output");
            self.err.print_tail("cli, errors");
        }
    }
}
