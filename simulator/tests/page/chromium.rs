//! A Chromium with one page on the simulator, spoken to over its DevTools socket.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::process::Simulator;

/// How long anything in the browser may take, on a machine that runs several.
const LIMIT: Duration = Duration::from_secs(30);
/// The name under which login.js keeps the token.
const LOGIN_KEY: &[u8] = b"WALoginToken";
const CLIENT: &str = include_str!("client.js");
const NAMES: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell"];

/// A browser, its page, and what the page noted of its events.
pub(crate) struct Chromium {
    browser: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_id: u64,
    notes: Vec<String>,
    crashed: bool,
}

impl Chromium {
    /// Starts a browser on a profile and opens the simulated WhatsApp Web in it.
    pub(crate) async fn open(simulator: &Simulator, profile: &Path) -> Self {
        let port_file = profile.join("DevToolsActivePort");
        let _ = std::fs::remove_file(&port_file);
        let browser = launch(simulator, profile);
        let port = until("DevTools listens", async || {
            let text = std::fs::read_to_string(&port_file).ok()?;
            text.lines().next().map(str::to_owned)
        })
        .await;
        let client = reqwest::Client::new();
        let target = until("the page's target", async || {
            let list: Value =
                client.get(format!("http://127.0.0.1:{port}/json/list")).send().await.ok()?.json().await.ok()?;
            let pages = list.as_array()?;
            let page = pages.iter().find(|target| target["type"] == "page")?;
            page["webSocketDebuggerUrl"].as_str().map(str::to_owned)
        })
        .await;
        let (socket, _) = connect_async(target).await.unwrap();
        let mut chromium = Self { browser, socket, last_id: 0, notes: Vec::new(), crashed: false };
        chromium.prepare().await;
        chromium
    }

    async fn prepare(&mut self) {
        self.call("Runtime.enable", json!({})).await;
        self.call("Inspector.enable", json!({})).await;
        self.call("Page.enable", json!({})).await;
        self.call("Runtime.addBinding", json!({"name": "note"})).await;
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": CLIENT})).await;
        self.call("Page.navigate", json!({"url": "https://web.whatsapp.com/"})).await;
    }

    /// Calls a DevTools method and gives its result.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params).await;
        loop {
            let message = self.receive(LIMIT).await.expect("DevTools answers");
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    /// Calls a DevTools method without waiting for its answer.
    async fn ask(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let text = json!({"id": self.last_id, "method": method, "params": params}).to_string();
        self.socket.send(Message::text(text)).await.unwrap();
        self.last_id
    }

    /// The next message, with events taken note of; nothing when none comes in time.
    async fn receive(&mut self, limit: Duration) -> Option<Value> {
        let next = tokio::time::timeout(limit, self.socket.next()).await.ok()?;
        let Message::Text(text) = next?.ok()? else {
            return Some(Value::Null);
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        match message["method"].as_str() {
            Some("Runtime.bindingCalled") => {
                let note = message["params"]["payload"].as_str().unwrap();
                self.notes.push(note.to_owned());
            }
            Some("Inspector.targetCrashed") => self.crashed = true,
            Some("Page.frameNavigated") => {
                let url = message["params"]["frame"]["url"].as_str().unwrap();
                self.notes.push(format!("navigated {url}"));
            }
            _ => {}
        }
        Some(message)
    }

    /// Evaluates an expression, awaiting what it promises.
    pub(crate) async fn eval(&mut self, expression: &str) -> Value {
        self.try_eval(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The same, with the page's exception as an error.
    pub(crate) async fn try_eval(&mut self, expression: &str) -> Result<Value, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let id = self.ask("Runtime.evaluate", params).await;
        loop {
            let Some(message) = self.receive(LIMIT).await else {
                return Err("no answer".to_owned());
            };
            if message["id"] != id {
                continue;
            }
            if let Some(error) = message["error"]["message"].as_str() {
                return Err(error.to_owned());
            }
            let result = &message["result"];
            let exception = &result["exceptionDetails"]["exception"]["description"];
            return match exception.as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(result["result"]["value"].clone()),
            };
        }
    }

    /// Waits until an expression is true; one that throws, because the page is on its way to another, is not.
    pub(crate) async fn until(&mut self, expression: &str) {
        let start = Instant::now();
        while self.try_eval(expression).await != Ok(Value::Bool(true)) {
            assert!(start.elapsed() < LIMIT, "waited in vain: {expression}; {:#?}", self.notes);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until_state(&mut self, state: &str) {
        self.until(&format!("Boolean(window.Debug?.VERSION) && client.state().state === '{state}'")).await;
    }

    pub(crate) async fn until_ready(&mut self) {
        self.until("client.isReady()").await;
    }

    /// Loads the page anew.
    pub(crate) async fn reload(&mut self) {
        self.eval("window.old = true").await;
        self.call("Page.reload", json!({})).await;
        self.until("!window.old && Boolean(window.Debug?.VERSION)").await;
    }

    /// Waits until an event was noted that begins so, and gives it.
    pub(crate) async fn noted(&mut self, begin: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(note) = self.notes.iter().find(|note| note.starts_with(begin)) {
                return note.clone();
            }
            assert!(start.elapsed() < LIMIT, "never noted: {begin}; {:#?}", self.notes);
            self.receive(Duration::from_millis(100)).await;
        }
    }

    /// What was noted since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Waits until the renderer is gone.
    pub(crate) async fn until_crashed(&mut self) {
        let start = Instant::now();
        while !self.crashed {
            assert!(start.elapsed() < LIMIT, "the renderer does not crash");
            self.receive(Duration::from_millis(100)).await;
        }
    }

    /// Closes it as a person does: what the page stored is on disk.
    pub(crate) async fn close(mut self) {
        self.ask("Browser.close", json!({})).await;
        let start = Instant::now();
        while self.browser.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < LIMIT, "the browser does not close");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Waits until the browser has written the login to disk: it keeps localStorage back for some seconds.
pub(crate) async fn until_login_is_on_disk(profile: &Path) {
    let folder = profile.join("Default/Local Storage/leveldb");
    until("localStorage is written", async || {
        let files = std::fs::read_dir(&folder).ok()?;
        let written = files.flatten().any(|file| {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            bytes.windows(LOGIN_KEY.len()).any(|window| window == LOGIN_KEY)
        });
        written.then_some(())
    })
    .await;
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.browser.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.browser.wait();
    }
}

fn launch(simulator: &Simulator, profile: &Path) -> Child {
    let to = simulator.https;
    Command::new(executable())
        .arg("--headless=new")
        .arg("--no-sandbox")
        .arg("--disable-background-networking")
        .arg("--disable-component-update")
        .arg("--disable-sync")
        .arg("--no-first-run")
        .arg("--disable-quic")
        .arg("--ignore-certificate-errors")
        .arg("--remote-debugging-port=0")
        .arg(format!("--host-resolver-rules=MAP web.whatsapp.com {to}, MAP *.whatsapp.net {to}"))
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg("about:blank")
        // Killed, it leaves its temporary folder: it goes with the profile.
        .env("TMPDIR", profile)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

fn executable() -> PathBuf {
    if let Some(given) = std::env::var_os("DROVER_CHROMIUM") {
        return given.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|candidate| candidate.is_file())
        .expect("Chromium is on the PATH, or DROVER_CHROMIUM names it")
}

/// Waits until a condition gives something.
pub(crate) async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
