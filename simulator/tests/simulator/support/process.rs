//! The simulator's binary, on free ports, ended with the test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::NamedTempFile;

/// A running simulator.
pub(crate) struct Simulator {
    child: Child,
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    client: reqwest::Client,
    log: NamedTempFile,
}

/// What a call was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of a call that was done.
    #[track_caller]
    pub(crate) fn done(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Asserts a refusal, by status and reason.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, reason: &str) {
        assert_eq!((self.status, self.body["reason"].as_str()), (status, Some(reason)), "{}", self.body);
        assert!(self.body["error"].as_str().is_some_and(|text| text.len() > 10), "{}", self.body);
    }
}

impl Simulator {
    /// Starts one with quick times, and these options after them.
    pub(crate) fn start(options: &[&str]) -> Self {
        const QUICK: [&str; 10] = [
            "--ack-server-ms=5",
            "--ack-device-ms=15",
            "--ack-read-ms=25",
            "--critical-sync-ms=5",
            "--history-chunk-ms=1",
            "--https=127.0.0.1:0",
            "--http=127.0.0.1:0",
            "--first-ref-ms=60000",
            "--next-ref-ms=20000",
            "--pairing-code-ms=180000",
        ];
        let log = NamedTempFile::new().unwrap();
        let kept = QUICK.iter().filter(|quick| {
            let name = quick.split('=').next().unwrap();
            !options.iter().any(|option| option.split('=').next() == Some(name))
        });
        let mut child =
            command().args(kept).args(options).stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let bound: Value = serde_json::from_str(&line).unwrap();
        let at = |name: &str| bound[name].as_str().unwrap().parse().unwrap();
        // The provider is the process's: every test but the first finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let https: SocketAddr = at("https");
        let client = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .resolve("web.whatsapp.com", https)
            .resolve("mmg.whatsapp.net", https)
            .build()
            .unwrap();
        Self { child, https, http: at("http"), client, log }
    }

    /// A client for the hosts behind TLS.
    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// A URL behind TLS, by the host's real name.
    pub(crate) fn web(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.https.port())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("http://{}{path}", self.http))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.client.post(format!("http://{}{path}", self.http)).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        answer(self.client.put(format!("http://{}{path}", self.http)).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer(self.client.delete(format!("http://{}{path}", self.http))).await
    }

    /// One number of `GET /stats`.
    pub(crate) async fn stat(&self, name: &str) -> u64 {
        self.get("/stats").await.done()[name].as_u64().unwrap()
    }

    /// What the pages of a number sent.
    pub(crate) async fn sent(&self, number: &str) -> Vec<Value> {
        self.get(&format!("/phones/{number}/sent")).await.done().as_array().unwrap().clone()
    }

    /// What it has logged so far.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Resident memory, in kilobytes.
    pub(crate) fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it as an operator does, and says how it ended and how long it took.
    pub(crate) fn end(&mut self, signal: Signal) -> (ExitStatus, Duration) {
        let start = Instant::now();
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            assert!(start.elapsed() < Duration::from_secs(10), "the simulator does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    Answer { status, body: response.json().await.unwrap_or(Value::Null) }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_drover-simulator"))
}

/// Runs the binary to its end: how it ended, what it printed and what it logged.
pub(crate) fn run(arguments: &[&str]) -> (ExitStatus, String, String) {
    let mut child = command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut printed, mut logged) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut logged).unwrap();
    (child.wait().unwrap(), printed, logged)
}
