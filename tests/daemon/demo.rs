//! `make demo` as somebody meets it who tries drover, up to Ctrl-C.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Client, log::Log, servers::free_port, story, wait_until};

/// The demo in a process group of its own, as a terminal gives it one. What is left of it ends with the test.
struct Demo {
    script: Child,
    log: Log,
    group: Pid,
}

impl Demo {
    fn start(target: &Path, port: u16, phone_port: u16) -> Self {
        let log = Log::create(target, "demo.log");
        let mut command = Command::new("bash");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/demo.sh")).arg(target);
        command.env("PORT", port.to_string()).env("PHONE_PORT", phone_port.to_string());
        let streams = command.stdin(Stdio::null()).stdout(log.stdio()).stderr(log.stdio());
        let script = streams.process_group(0).spawn().expect("bash can be started");
        let group = Pid::from_raw(i32::try_from(script.id()).expect("a pid"));
        Self { script, log, group }
    }

    /// Sends a signal to all of its group, as a terminal does, and waits for its end.
    #[track_caller]
    fn end_by(&mut self, signal: Signal, code: i32) {
        killpg(self.group, signal).expect("it runs");
        let ended = wait_until("the demo ends", story::TO_STOP, || self.script.try_wait().expect("our child"));
        assert_eq!(ended.code(), Some(code), "{signal}: {}", self.log.text());
    }

    #[track_caller]
    fn wait_says(&self, words: &str) {
        wait_until(&format!("the demo says {words:?}"), story::TO_QR, || self.log.text().contains(words).then_some(()));
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // What the script started apart has groups of its own; asked to end, it ends these first.
        let _ended = self.script.try_wait().is_ok_and(|ended| ended.is_some()) || {
            let _asked = killpg(self.group, Signal::SIGTERM);
            self.script.wait().is_ok()
        };
        if std::thread::panicking() {
            self.log.print_tail("demo");
        }
    }
}

/// A target folder of its own, with this build's programs.
fn target_folder() -> TempDir {
    let scratch = tempfile::Builder::new().prefix("m-").tempdir().expect("the machine has a temporary folder");
    let binaries = Path::new(env!("CARGO_BIN_EXE_drover")).parent().expect("a binary lies in a folder");
    symlink(binaries, scratch.path().join("debug")).expect("a new folder takes links");
    crate::support::simulator::binary();
    scratch
}

#[test]
fn ctrl_c_and_other_ends_leave_nothing() {
    let scratch = target_folder();
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 143)] {
        let (port, phone_port) = (free_port(), free_port());
        let mut demo = Demo::start(scratch.path(), port, phone_port);
        demo.wait_says("As a picture");
        let key = fs::read_to_string(scratch.path().join("demo/data/admin.key")).expect("the demo has a key");
        let api = Client::new(&format!("http://127.0.0.1:{port}"), Some(key.trim()));
        let qr = api.get("/api/demo/auth/qr?format=raw").expect(200)["value"].clone();
        let phones = Client::new(&format!("http://127.0.0.1:{phone_port}"), None);
        let scan = json!({"qr": qr, "number": "15550001234", "name": "Ana"});
        assert_eq!(phones.post("/phones/scan", &scan).status, 200);
        demo.wait_says("Ctrl-C ends everything");
        wait_until("the events are followed", story::TO_READY, || demo.log.text().contains("WORKING").then_some(()));

        demo.end_by(signal, code);
        for gone in [&phones, &api] {
            assert!(gone.try_request("GET", "/", &[], None).is_err(), "nothing answers at {}", gone.base());
        }
        assert!(!scratch.path().join("demo").exists(), "nothing is left");
    }
}

#[test]
fn a_demo_that_is_ended_while_it_starts_leaves_nothing() {
    let scratch = target_folder();
    for begun in ["simulator.log", "drover.log"] {
        let (port, phone_port) = (free_port(), free_port());
        let mut demo = Demo::start(scratch.path(), port, phone_port);
        let log = scratch.path().join("demo").join(begun);
        wait_until(&format!("{begun} is begun"), story::TO_QR, || log.exists().then_some(()));
        demo.end_by(Signal::SIGTERM, 143);
        for gone in [port, phone_port] {
            let api = Client::new(&format!("http://127.0.0.1:{gone}"), None);
            assert!(api.try_request("GET", "/", &[], None).is_err(), "nothing answers at {}", api.base());
        }
        assert!(!scratch.path().join("demo").exists(), "nothing is left");
    }
}
