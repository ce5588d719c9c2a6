//! The other side: the simulator's real binary, and the phones that it lets one hold.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Client, log::Log, wait_until};

const START: Duration = Duration::from_secs(15);

/// A simulator that runs; ended when it is dropped.
pub struct Simulator {
    child: Child,
    https: String,
    http: Client,
    log: Log,
    /// Holds the log.
    _scratch: TempDir,
}

impl Simulator {
    /// Starts one on free ports.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one on free ports with more arguments, such as `--first-ref-ms 2000`.
    #[track_caller]
    pub fn start_with(arguments: &[&str]) -> Self {
        let scratch = tempfile::Builder::new().prefix("s-").tempdir().expect("the machine has a temporary folder");
        let log = Log::create(scratch.path(), "simulator.log");
        let mut child = Command::new(binary())
            .args(["--https", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.stdio())
            .stderr(log.stdio())
            .spawn()
            .expect("the simulator's binary can be started");
        let addresses = wait_until("the simulator says where it listens", START, || {
            let text = log.text();
            assert!(child.try_wait().expect("it is our child").is_none(), "the simulator ended:\n{text}");
            let line = text.lines().find(|line| line.starts_with("{\"http"))?;
            serde_json::from_str::<Value>(line).ok()
        });
        let address = |name: &str| addresses[name].as_str().expect("both addresses").to_owned();
        let http = Client::new(&format!("http://{}", address("http")), None);
        Self { child, https: address("https"), http, log, _scratch: scratch }
    }

    /// `host:port` for `DROVER_SIMULATOR`.
    pub fn https(&self) -> String {
        self.https.clone()
    }

    /// Its control interface.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// A phone with this number; it needs no registration.
    pub fn phone(&self, number: &str, name: &str) -> Phone<'_> {
        Phone { simulator: self, number: number.to_owned(), name: name.to_owned() }
    }

    /// Sets a fault, see simulator.md; with `number` for one phone, else for all.
    #[track_caller]
    pub fn fault(&self, fault: &Value) {
        let reply = self.http.post("/faults", fault);
        assert!(reply.status < 300, "{reply:?}");
    }

    /// Ends all faults.
    #[track_caller]
    pub fn clear_faults(&self) {
        let reply = self.http.delete("/faults");
        assert!(reply.status < 300, "{reply:?}");
    }

    /// Ends the faults of one phone.
    #[track_caller]
    pub fn clear_faults_of(&self, number: &str) {
        let reply = self.http.delete(&format!("/faults?number={number}"));
        assert!(reply.status < 300, "{reply:?}");
    }

    /// Sums over everything.
    #[track_caller]
    pub fn stats(&self) -> Value {
        self.http.get("/stats").expect(200)
    }

    /// The pages that are open now.
    #[track_caller]
    pub fn pages(&self) -> Vec<Value> {
        let pages = self.http.get("/phones/pages").expect(200);
        pages.as_array().expect("a list of pages").clone()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
        if thread::panicking() {
            self.log.print_tail("simulator");
        }
    }
}

/// A phone to hold.
pub struct Phone<'simulator> {
    simulator: &'simulator Simulator,
    pub number: String,
    name: String,
}

impl Phone<'_> {
    /// Scans what was decoded from a QR; the reply says whether it was taken.
    #[track_caller]
    pub fn try_scan(&self, qr: &str) -> super::Reply {
        self.simulator.http.post("/phones/scan", &json!({"qr": qr, "number": self.number, "name": self.name}))
    }

    /// Scans what was decoded from a QR, which must be taken.
    #[track_caller]
    pub fn scan(&self, qr: &str) {
        let reply = self.try_scan(qr);
        assert!(reply.status < 300, "the phone refused the QR: {reply:?}");
    }

    /// Types a pairing code.
    #[track_caller]
    pub fn pair(&self, code: &str) {
        let body = json!({"code": code, "number": self.number, "name": self.name});
        let reply = self.simulator.http.post("/phones/pair", &body);
        assert!(reply.status < 300, "the phone refused the code: {reply:?}");
    }

    /// What was sent in this phone's name, in the order shown.
    #[track_caller]
    pub fn sent(&self) -> Vec<Value> {
        let sent = self.simulator.http.get(&format!("/phones/{}/sent", self.number)).expect(200);
        sent.as_array().expect("a list of messages").clone()
    }

    /// What was sent with this text.
    #[track_caller]
    pub fn sent_with(&self, text: &str) -> Vec<Value> {
        self.sent().into_iter().filter(|message| message["body"] == text).collect()
    }

    /// Asserts that exactly one message of this text was sent, and shown once; gives it.
    #[track_caller]
    pub fn shown_once(&self, text: &str) -> Value {
        let found = self.sent_with(text);
        assert_eq!(found.len(), 1, "one message says {text:?}: {found:?}");
        assert_eq!(found[0]["shown"], 1, "it is shown once: {}", found[0]);
        found[0].clone()
    }

    /// Whether a page that is linked to this phone is open.
    #[track_caller]
    pub fn has_open_page(&self) -> bool {
        self.simulator.pages().iter().any(|page| page["linked"] == true && page["number"] == self.number.as_str())
    }

    /// Somebody writes to this phone.
    #[track_caller]
    pub fn receive(&self, from: &str, text: &str) {
        self.order("incoming", &json!({"from": from, "type": "chat", "body": text}));
    }

    /// A person takes the linked device away.
    #[track_caller]
    pub fn unlink(&self) {
        self.order("unlink", &json!({}));
    }

    /// Whatever else a person does with it, see simulator/PHONES.md.
    #[track_caller]
    pub fn order(&self, what: &str, body: &Value) -> Value {
        let reply = self.simulator.http.post(&format!("/phones/{}/{what}", self.number), body);
        assert!(reply.status < 300, "{reply:?}");
        reply.json()
    }

    /// A fault for this phone's pages alone.
    #[track_caller]
    pub fn fault(&self, mut fault: Value) {
        fault["number"] = self.number.clone().into();
        self.simulator.fault(&fault);
    }
}

/// The simulator's binary, beside drover's. Cargo names binaries of the tested package alone, so this one is built here
/// unless it is newer than everything it was made of (by the dependency file that Cargo wrote beside it).
pub fn binary() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_drover")).parent().expect("a binary lies in a folder");
    let binary = folder.join("drover-simulator");
    if !is_fresh(&binary) {
        build(folder);
    }
    binary
}

fn is_fresh(binary: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let (Some(built), Ok(dependencies)) = (modified(binary), fs::read_to_string(binary.with_extension("d"))) else {
        return false;
    };
    let Some((_, sources)) = dependencies.split_once(": ") else { return false };
    sources.split_whitespace().all(|source| modified(Path::new(source)).is_some_and(|changed| changed <= built))
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    let status = Command::new(env!("CARGO"))
        // The test beside it makes Cargo choose the dependencies' features as for tests, so that none is built anew.
        .args(["build", "--quiet", "--workspace", "--bin", "drover-simulator", "--test", "house"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the simulator could not be built: {status}");
}
