//! The simulator's real binary and its phones.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use drover::host::{ProcessTree, TreeTag};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{PATIENCE, within};

/// A running simulator; ended when dropped.
pub(crate) struct Simulator {
    _tree: ProcessTree,
    pub(crate) https: String,
    http: String,
}

impl Simulator {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["--https", "127.0.0.1:0", "--http", "127.0.0.1:0"]).args(arguments).stdin(Stdio::null());
        let tree = ProcessTree::spawn(command, TreeTag::choose()).expect("the simulator starts");
        let addresses = |line: &str| serde_json::from_str::<Value>(line).ok().filter(|line| line["https"].is_string());
        let bound = within(PATIENCE, "simulator", tree.log().find(addresses)).await;
        let address = |name: &str| bound[name].as_str().expect("an address").to_owned();
        Self { https: address("https"), http: address("http"), _tree: tree }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null).await.1
    }

    /// Posts, and expects it to be taken.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", path, &body).await;
        assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
        answer
    }

    pub(crate) async fn scan(&self, qr: &str, number: &str) {
        self.post("/phones/scan", json!({"qr": qr, "number": number, "name": "Ana"})).await;
    }

    pub(crate) async fn sent(&self, number: &str) -> Vec<Value> {
        self.get(&format!("/phones/{number}/sent")).await.as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn clear_faults(&self) {
        self.ask("DELETE", "/faults", &Value::Null).await;
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let host = &self.http;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        let exchange = async {
            let mut stream = TcpStream::connect(host).await.expect("the simulator listens");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("answered");
            answer
        };
        let answer = within(PATIENCE, path, exchange).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())))
    }
}

/// Beside this test's folder; built if it is not there.
fn binary() -> PathBuf {
    let folder =
        std::env::current_exe().expect("this test").parent().expect("deps").parent().expect("debug").to_owned();
    let binary = folder.join("drover-simulator");
    if !binary.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "drover-simulator", "--target-dir"])
            .arg(folder.parent().expect("the target folder"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.expect("cargo starts").success(), "the simulator builds");
    }
    binary
}
