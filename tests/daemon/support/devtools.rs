//! The page of a session's browser through Chromium's debugging port, as a second DevTools beside drover: what no person and no
//! server can do to a page is done through it (`Page.crash`, a navigation, an endless loop).

use std::{
    fs,
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::{Client, wait_until};

/// How long an answer may take from a page that is well.
const ANSWER: Duration = Duration::from_secs(20);

/// A connection of its own to one page.
pub struct DevTools {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    heard: Vec<Value>,
}

impl DevTools {
    /// Connects to the WhatsApp Web of the browser that runs on a profile.
    #[track_caller]
    pub fn attach(profile: &Path) -> Self {
        Self::connect(&wait_until("the browser tells its page's address", ANSWER, || page_url(profile)))
    }

    /// Connects to a page by its address.
    #[track_caller]
    pub fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("ws://").split('/').next().expect("an address has a host").to_owned();
        let stream = TcpStream::connect(&address).expect("the browser listens");
        stream.set_read_timeout(Some(ANSWER)).expect("a timeout can be set");
        let (socket, _) = tungstenite::client(url, stream).expect("Chromium speaks websocket");
        Self { socket, last_id: 0, heard: Vec::new() }
    }

    /// What the page's browser told by itself while commands were answered.
    pub fn heard(&self) -> &[Value] {
        &self.heard
    }

    /// Gives a command and does not wait for its answer.
    #[track_caller]
    pub fn tell(&mut self, method: &str, parameters: &Value) {
        self.last_id += 1;
        let command = json!({"id": self.last_id, "method": method, "params": parameters});
        self.socket.send(Message::text(command.to_string())).expect("the page's browser runs");
    }

    /// Gives a command; its result.
    #[track_caller]
    pub fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        match self.try_ask(method, parameters) {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// Gives a command; its result, or why there is none, such as that the page is just going to another address.
    #[track_caller]
    pub fn try_ask(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.tell(method, parameters);
        let began = Instant::now();
        while began.elapsed() < ANSWER {
            let message = self.socket.read().unwrap_or_else(|error| panic!("{method} was not answered: {error}"));
            let Message::Text(text) = message else { continue };
            let answer: Value = serde_json::from_str(text.as_str()).expect("Chromium writes JSON");
            if answer["id"] == self.last_id {
                let error = answer.get("error").cloned();
                return error.map_or_else(|| Ok(answer["result"].clone()), Err);
            }
            if answer.get("method").is_some() {
                self.heard.push(answer);
            }
        }
        panic!("{method} was not answered within {ANSWER:?}");
    }

    /// Lets the page run a script.
    #[track_caller]
    pub fn run(&mut self, script: &str) -> Value {
        self.ask("Runtime.evaluate", &json!({"expression": script, "returnByValue": true}))["result"]["value"].clone()
    }

    /// From now on the page's main thread never rests.
    #[track_caller]
    pub fn loop_for_ever(&mut self) {
        // Not in the evaluation itself, which would end with this connection.
        self.run("setTimeout(() => { for (;;); }, 0)");
    }

    /// The page's process ends as by a fault of its own.
    #[track_caller]
    pub fn crash(&mut self) {
        self.ask("Inspector.enable", &json!({}));
        self.tell("Page.crash", &json!({}));
        // A connection that ends before the page read the command takes it along. Whoever else watches the page may end its browser first.
        while let Ok(message) = self.socket.read() {
            if matches!(message, Message::Text(text) if text.contains("Inspector.targetCrashed")) {
                return;
            }
        }
    }

    /// Loads the page anew.
    #[track_caller]
    pub fn reload(&mut self) {
        self.ask("Page.reload", &json!({}));
    }
}

/// Chromium writes where it listens into its profile: the port in the first line.
fn page_url(profile: &Path) -> Option<String> {
    let text = fs::read_to_string(profile.join("DevToolsActivePort")).ok()?;
    let browser = Client::new(&format!("http://127.0.0.1:{}", text.lines().next()?), None);
    let targets: Value =
        serde_json::from_slice(&browser.try_request("GET", "/json/list", &[], None).ok()?.body).ok()?;
    let is_ours = |target: &&Value| {
        target["type"] == "page" && target["url"].as_str().is_some_and(|url| url.contains("web.whatsapp.com"))
    };
    targets.as_array()?.iter().find(is_ours)?["webSocketDebuggerUrl"].as_str().map(str::to_owned)
}
