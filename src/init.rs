//! The first process of a container. Whoever is PID 1 inherits every orphan of the container and has to reap it, and gets no
//! signal that it does not ask for. drover itself must not reap what it does not know (a `waitpid(-1)` would steal the exits
//! of its own children from those who wait for them), so this is a process of its own: it forks, the child goes on as
//! drover, and the parent does nothing but reap, pass signals on, and end as the child ends.
//!
//! Invariants: it forks while the process has one thread only; no signal is lost between the start and the child's end.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, SigmaskHow, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork, getpgrp, setpgid, tcsetpgrp},
};

/// What a child that cannot be made ends with.
const CANNOT_FORK: u8 = 1;
/// A shell's convention: 128 and the number of the signal that ended the child.
const ENDED_BY_SIGNAL: i32 = 128;

/// As PID 1: does the work of an init until drover, its child, has ended, and gives the code to end with. None for drover
/// itself: in that child, and wherever this process is not PID 1. To be called before any thread is started.
#[must_use]
pub fn run_as_pid_1() -> Option<ExitCode> {
    if std::process::id() != 1 {
        return None;
    }
    // Blocked signals stay pending until they are waited for, even those that a PID 1 would never be given otherwise.
    let all = SigSet::all();
    let before = match all.thread_swap_mask(SigmaskHow::SIG_BLOCK) {
        Ok(before) => before,
        Err(error) => return Some(cannot("block signals", error)),
    };
    // SAFETY: this process has one thread (see above), so the child finds every lock free and may do anything.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            lead_the_terminal();
            match before.thread_set_mask() {
                Ok(()) => None,
                Err(error) => Some(cannot("take signals", error)),
            }
        }
        Ok(ForkResult::Parent { child }) => Some(watch_over(child, &all)),
        Err(error) => Some(cannot("fork", error)),
    }
}

/// A group of its own, in the foreground, so that Ctrl-C reaches drover once and not this process as well, which would pass it on.
fn lead_the_terminal() {
    // Fails nowhere that matters: without a group of its own it only gets signals of the terminal twice.
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    if std::io::stdin().is_terminal() {
        let _ = tcsetpgrp(std::io::stdin(), getpgrp());
    }
}

fn watch_over(child: Pid, all: &SigSet) -> ExitCode {
    loop {
        match all.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(child) {
                    return ExitCode::from(code);
                }
            }
            // The child may have ended just now; its SIGCHLD follows.
            Ok(signal) => drop(kill(child, signal)),
            // A real-time signal, which nobody sends to drover.
            Err(_) => {}
        }
    }
}

/// Reaps whatever has ended; the code of the child, if it was among them.
fn reap(child: Pid) -> Option<u8> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == child => code = Some(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => code = Some(ENDED_BY_SIGNAL + signal as i32),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
            Ok(_) | Err(_) => {}
        }
    }
    code.map(|code| u8::try_from(code & 0xff).unwrap_or(u8::MAX))
}

fn cannot(what: &str, error: Errno) -> ExitCode {
    // No log exists this early, and with stderr closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "drover: it is PID 1 and cannot {what}: {error}");
    ExitCode::from(CANNOT_FORK)
}
