//! `make fuzz-api`: schemathesis reads drover's own document and asks for everything in it, with what it should and what it should
//! not: no answer may be a 500, and each is as described. A session that is linked is among those that it finds.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    support::{Drover, Home, Simulator, story},
    waha_clients::python,
};

/// The name that the document's examples have.
const SESSION: &str = "main";
const CHAT: &str = "15559990001@c.us";
/// What takes the session, or its page, away from all that is asked for after it.
const TAKES_AWAY: &str =
    "^(post|put|delete)_api_(backup|sessions_session(_(start|stop|restart|logout|hibernate|login))?)$";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,unsupported_method,ignored_auth";

fn given(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// Whether all that was asked for was answered as described.
fn fuzz(drover: &Drover<'_>, report: &Path, message: &str, which: &[&str]) -> bool {
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz_api/hooks.py");
    let status = Command::new(python("fuzz_api"))
        .args(["-m", "schemathesis.cli", "run", &format!("{}/openapi.json", drover.api().base())])
        .args(["-H", &format!("X-Api-Key: {}", drover.api().key().expect("a key"))])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", &given("FUZZ_EXAMPLES", "25")])
        .args([
            "--seed",
            &given("FUZZ_SEED", "1"),
            "--request-timeout",
            "60",
            "--continue-on-failure",
            "--checks",
            CHECKS,
        ])
        // It has a test of its own.
        .args(["--exclude-tag", "not implemented"])
        .args(which)
        .args(["--warnings", "off", "--report-dir"])
        .arg(report)
        .env("SCHEMATHESIS_HOOKS", hooks)
        .envs([("FUZZ_SESSION", SESSION), ("FUZZ_CHAT", CHAT), ("FUZZ_MESSAGE", message)])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(report)
        .stdin(Stdio::null())
        .status()
        .expect("Python runs");
    status.success()
}

#[test]
#[ignore = "needs packages of a registry: make fuzz-api"]
fn every_answer_is_as_described() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_LOG__LEVEL", "info");
    // Much of what is asked for never happens.
    home.set("DROVER_HTTP__WAIT_TIMEOUT_S", "1");
    let drover = home.start();
    story::link(&drover, SESSION, &simulator.phone("15550006001", "Ana"));
    let sent = drover.send_text(SESSION, CHAT, "hello");
    let message = sent["id"].as_str().expect("an id");
    drover.wait_ack(message, 1, story::TO_ACK);
    let report = home.path().join("fuzz");
    std::fs::create_dir(&report).expect("a new folder");
    let rest_held = fuzz(&drover, &report, message, &["--exclude-operation-id-regex", TAKES_AWAY]);
    let end_held = fuzz(&drover, &report, message, &["--include-operation-id-regex", TAKES_AWAY]);
    assert!(drover.try_ping(), "it answers still");
    let log = drover.log().text();
    assert!(!log.contains("panicked"), "nothing panicked:\n{log}");
    assert!(rest_held && end_held, "schemathesis found something: see above");
    drover.stop();
}
