//! The commands of docs/runbook.md and of the mails about alerts exist and answer: each line of the runbook's `sh` blocks, and each command
//! and request that a mail names, is run against a real daemon, from a folder as the runbook takes it.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::support::{Drover, Home, Simulator, story};

/// The lines of the `sh` blocks; those that set the two variables are what this test does itself.
fn commands() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook.md");
    let text = fs::read_to_string(path).expect("the runbook");
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty() && !line.starts_with("export "));
    lines.map(str::to_owned).collect()
}

/// What the mails tell people to run, and to ask the API, about the session `main`.
fn told_by_mail() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/email");
    let kinds = fs::read_dir(folder).expect("the templates").flatten().filter(|entry| entry.path().is_dir());
    let files = kinds.flat_map(|kind| fs::read_dir(kind.path()).expect("a kind").flatten());
    let pages = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "html"));
    let texts = pages.map(|page| fs::read_to_string(page.path()).expect("a template").replace("{{ session }}", "main"));
    let codes = texts.flat_map(|text| {
        let codes = text.split("<code>").skip(1).filter_map(|rest| rest.split_once("</code>"));
        codes.map(|(code, _)| code.to_owned()).collect::<Vec<_>>()
    });
    codes.filter(|code| ["drover ", "GET ", "POST "].iter().any(|start| code.starts_with(start))).collect()
}

fn is_installed(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Runs a line as a shell would, with drover in the PATH; a refusal by HTTP fails it, too.
fn run(drover: &Drover<'_>, line: &str) -> Result<(), String> {
    let home = drover.home();
    let folder = Path::new(env!("CARGO_BIN_EXE_drover")).parent().expect("a folder").display().to_string();
    let line = line.replace("curl -sS ", "curl -sS --fail --noproxy '*' ");
    let plain = home.command(&[]);
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &line]).env_clear();
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{folder}:{path}")).env("DROVER_URL", drover.api().base());
    shell.env("DROVER_API_KEY", drover.api().key().unwrap_or_default()).current_dir(home.path());
    let output = shell.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{line}\n{}: {out}{err}", output.status))
}

#[test]
fn its_commands_work() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    std::os::unix::fs::symlink(home.data(), home.path().join("sessions")).expect("a link");
    for folder in ["archive", "media", "screenshots"] {
        fs::create_dir_all(home.data().join(folder)).expect("a folder");
    }
    let drover = home.start();
    drover.create("main");
    let commands = commands();
    assert!(commands.len() > 25, "{commands:#?}");
    let mut failures = Vec::new();
    for line in &commands {
        let program = line.split_whitespace().next().unwrap_or_default();
        if program != "drover" && !is_installed(program) {
            println!("SKIPPED, {program} is not installed: {line}");
            continue;
        }
        // Both need a page that shows a code; others restart it.
        if line.contains("/auth/qr") || line.contains("/screenshot") {
            story::wait_qr(&drover, "main");
        }
        failures.extend(run(&drover, line).err());
    }
    let told = told_by_mail();
    assert!(told.len() > 8, "{told:#?}");
    for line in told {
        match line.split_once(' ').expect("more than a word") {
            (method @ ("GET" | "POST"), path) => {
                let reply = drover.api().request(method, path, &[], None);
                failures.extend((reply.status >= 400).then(|| format!("a mail's {line}: {reply:?}")));
            }
            // It waits for a phone.
            (_, "link main") => {}
            _ => failures.extend(run(&drover, &line).err()),
        }
    }
    assert!(failures.is_empty(), "commands that fail:\n{}", failures.join("\n"));
    drover.stop();
}
