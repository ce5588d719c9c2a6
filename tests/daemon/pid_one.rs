//! drover as the first process of a container: it reaps what others leave, passes signals on, and ends with drover's own code.
//! A PID namespace stands in for the container; where none may be made, the tests say so and do no more.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Output},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{Home, log::Log, story, wait_until, wait_until_ok};

/// What `unshare` needs on this machine to make a PID namespace with its own /proc; None where it may not.
fn namespaces() -> Option<&'static [&'static str]> {
    const PLAIN: &[&str] = &["--pid", "--fork", "--kill-child", "--mount-proc"];
    const AS_USER: &[&str] = &["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let works = |options: &&[&str]| {
        Command::new("unshare").args(*options).arg("true").output().is_ok_and(|output| output.status.success())
    };
    let found = [PLAIN, AS_USER].into_iter().find(works);
    if found.is_none() {
        println!("SKIPPED: this machine allows no PID namespace (unshare --pid --mount-proc)");
    }
    found
}

/// drover as PID 1 of a namespace.
fn contained(home: &Home, options: &[&str], arguments: &[&str]) -> Command {
    let inner = home.command(arguments);
    let mut command = Command::new("unshare");
    command.args(options).arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(home.path());
    command
}

/// The only child of a process.
fn child_of(pid: u32) -> Option<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?.split_whitespace().next()?.parse().ok()
}

/// `serve` under an init, once it answers: `unshare`, the init, and drover itself.
fn serving(home: &Home, options: &[&str], log: &Log) -> (Child, u32, u32) {
    let mut unshare =
        contained(home, options, &["serve"]).stdout(log.stdio()).stderr(log.stdio()).spawn().expect("unshare");
    wait_until_ok("drover serves", story::TO_READY, || {
        assert!(unshare.try_wait().expect("our child").is_none(), "it ended:\n{}", log.text());
        if log.text().contains("drover listens on http://127.0.0.1:") { Ok(()) } else { Err(log.text()) }
    });
    home.look();
    let init = child_of(unshare.id()).expect("PID 1");
    let drover = child_of(init).expect("drover below PID 1");
    (unshare, init, drover)
}

/// Leaves an orphan in the namespace of `init`; its pid there, seen to have PID 1 as parent.
fn orphan_in(init: u32, user: bool) -> String {
    let target = init.to_string();
    let mut enter = Command::new("nsenter");
    enter.args(["--target", &target, "--pid", "--mount"]);
    if user {
        enter.arg("--user").arg("--preserve-credentials");
    }
    // The shell ends at once; what it started does a moment later.
    let Output { stdout, stderr, .. } =
        enter.args(["sh", "-c", "sleep 1 >/dev/null 2>&1 & echo $!"]).output().expect("nsenter");
    let pid = String::from_utf8(stdout).expect("a number").trim().to_owned();
    assert!(!pid.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    pid
}

#[test]
fn it_reaps_orphans_and_passes_sigterm_on() {
    let Some(options) = namespaces() else { return };
    let home = Home::bare();
    let log = home.log("contained.log");
    let (mut unshare, init, drover) = serving(&home, options, &log);
    assert_ne!(init, drover);

    let orphan = orphan_in(init, options.contains(&"--user"));
    let status = format!("/proc/{init}/root/proc/{orphan}/status");
    wait_until_ok("PID 1 has the orphan", Duration::from_secs(5), || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        if text.contains("PPid:\t1\n") { Ok(()) } else { Err(text) }
    });
    wait_until_ok("the orphan is reaped", Duration::from_secs(10), || fs::read_to_string(&status).map_or(Ok(()), Err));

    kill(Pid::from_raw(init.cast_signed()), Signal::SIGTERM).expect("PID 1 runs");
    let status = wait_until("it ended", Duration::from_secs(15), || unshare.try_wait().expect("our child"));
    assert_eq!(status.code(), Some(0), "{}", log.text());
    home.assert_nothing_left();
}

#[test]
fn it_ends_as_drover_ends() {
    let Some(options) = namespaces() else { return };
    let home = Home::bare();
    home.set("DROVER_QUEUE__UNKNOWN", "guess");
    let refused = contained(&home, options, &["config", "check"]).output().expect("unshare");
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    home.unset("DROVER_QUEUE__UNKNOWN");
    let done = contained(&home, options, &["config", "check"]).output().expect("unshare");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));

    let (mut unshare, init, drover) = serving(&home, options, &home.log("killed.log"));
    kill(Pid::from_raw(drover.cast_signed()), Signal::SIGKILL).expect("drover runs");
    let status = wait_until("it ended", Duration::from_secs(15), || unshare.try_wait().expect("our child"));
    assert_eq!((status.code(), status.signal()), (Some(128 + 9), None), "as a shell tells it");
    wait_until("PID 1 is gone", Duration::from_secs(5), || {
        (!fs::exists(format!("/proc/{init}")).unwrap_or(true)).then_some(())
    });
    // What the kernel ended with the namespace is cleared away by the next start.
    home.start().stop();
}
