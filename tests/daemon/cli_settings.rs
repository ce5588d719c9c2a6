//! The binary and its settings: what a wrong one, a wrong argument and a missing daemon get.

use std::process::{Command, Output};

use tempfile::TempDir;

/// drover in a folder of its own, with these variables and no others.
fn drover(folder: &TempDir, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drover"));
    command.current_dir(folder.path()).env_clear().args(arguments);
    command.envs(variables.iter().copied()).output().expect("drover runs")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The one line on stderr, and the exit code.
fn refusal(output: &Output) -> (String, i32) {
    let stderr = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!(stderr.lines().count(), 1, "more or less than a line: {stderr}");
    (stderr.trim_end().to_owned(), output.status.code().expect("an exit code"))
}

#[test]
fn config_check_shows_every_setting_and_where_it_was_set() {
    let folder = folder();
    std::fs::write(folder.path().join("drover.toml"), "[queue]\nattempts = 2\n").expect("written");
    std::fs::write(folder.path().join(".env"), "LOG_LEVEL=warn\n").expect("written");
    let output = drover(&folder, &[("PORT", "1003"), ("DROVER_API_KEY", "open-sesame")], &["config", "check"]);
    let stdout = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    let rows: Vec<Vec<&str>> = stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["queue.attempts", "2", "drover.toml:2"]), "{stdout}");
    assert!(rows.contains(&vec!["log.level", "\"warn\"", ".env:1"]), "{stdout}");
    assert!(rows.contains(&vec!["http.port", "1003", "environment", "variable", "PORT"]), "{stdout}");
    assert!(rows.contains(&vec!["http.api_key", "***", "environment", "variable", "DROVER_API_KEY"]), "{stdout}");
    assert!(!stdout.contains("sesame"), "{stdout}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 2, "a check makes nothing");
}

#[test]
fn a_wrong_setting_stops_every_command_with_one_line() {
    for arguments in [&["serve"][..], &[], &["config", "check"], &["sessions"]] {
        let output = drover(&folder(), &[("DROVER_QUEUE__LEASE_S", "soon")], arguments);
        let expected = "drover: queue.lease_s is \"soon\" (environment variable DROVER_QUEUE__LEASE_S): \
                        it must be a whole number from 1 to 86400";
        assert_eq!(refusal(&output), (expected.to_owned(), 2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_secret_in_a_wrong_setting_is_not_repeated() {
    let output = drover(&folder(), &[("DROVER_API_KEY", "open sesame")], &["serve"]);
    let (line, code) = refusal(&output);
    assert_eq!(code, 2);
    assert!(line.contains("http.api_key is ***") && !line.contains("sesame"), "{line}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let (line, code) = refusal(&drover(&folder(), &[], &["--config", "other.toml", "config", "check"]));
    assert!(line.starts_with("drover: other.toml cannot be read: "), "{line}");
    assert_eq!(code, 2);
}

#[test]
fn wrong_arguments_are_refused_with_the_usage() {
    for arguments in
        [&["lnik"][..], &["link"], &["link", "sessions"], &["send", "main", "1"], &["events", "--last", "-1"]]
    {
        let output = drover(&folder(), &[], arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let output = drover(&folder(), &[], &["link", "a/b"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("letters, digits"), "{output:?}");
}

#[test]
fn without_a_key_a_command_tells_where_one_is_looked_for() {
    let folder = folder();
    let (line, code) = refusal(&drover(&folder, &[], &["sessions"]));
    let place = folder.path().join("sessions/admin.key");
    assert!(line.starts_with("drover: there is no key to ask with: ") && line.contains("sessions/admin.key"), "{line}");
    assert!(!place.exists());
    assert_eq!(code, 4);
}

#[test]
fn without_a_daemon_a_command_tells_how_to_start_one() {
    // The port of tcpmux, which nobody has served for decades.
    let variables = [("DROVER_API_KEY", "a-key-of-this-test"), ("PORT", "1")];
    for arguments in [&["sessions"][..], &["send", "main", "15551234567", "hello"], &["link", "main"], &["events"]] {
        let (line, code) = refusal(&drover(&folder(), &variables, arguments));
        assert!(line.contains("no drover answers at http://127.0.0.1:1 "), "{line}");
        assert!(line.contains("drover serve"), "{line}");
        assert_eq!(code, 3);
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let variables = [("DROVER_API_KEY", "a-key-of-this-test"), ("DROVER_URL", "127.0.0.1:3000")];
    let (line, code) = refusal(&drover(&folder(), &variables, &["sessions"]));
    assert!(line.contains("'127.0.0.1:3000' is no address"), "{line}");
    assert_eq!(code, 2);
    let (line, _) = refusal(&drover(&folder(), &[("DROVER_API_KEY", "k"), ("PORT", "0")], &["sessions"]));
    assert!(line.contains("--url"), "{line}");
}

#[test]
fn help_tells_the_exit_codes() {
    let output = drover(&folder(), &[], &["--help"]);
    let stdout = String::from_utf8(output.stdout).expect("text");
    for expected in ["serve", "link", "config", "Exit codes:", "130"] {
        assert!(stdout.contains(expected), "{stdout}");
    }
}
