//! The simulated page in a real Chromium, seen by a client that calls its modules by name.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod chromium;
mod faults;
mod linking;
mod messages;
#[expect(dead_code, reason = "shared with the server's tests, which need more of it")]
#[path = "../simulator/support/process.rs"]
mod process;
mod surface;
mod syncing;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chromium::Chromium;
use crate::process::Simulator;

/// The phone that links, and somebody it knows.
pub(crate) const ANA: &str = "15551230000";
pub(crate) const BOB: &str = "15557770000";

/// A simulator, a browser profile, and the page on it.
pub(crate) struct Session {
    pub(crate) page: Chromium,
    pub(crate) simulator: Simulator,
    pub(crate) profile: TempDir,
}

impl Session {
    /// A page that waits for a phone.
    pub(crate) async fn waiting(options: &[&str]) -> Self {
        let simulator = Simulator::start(options);
        let profile = tempfile::tempdir().unwrap();
        let mut page = Chromium::open(&simulator, profile.path()).await;
        page.until_state("UNPAIRED").await;
        Self { page, simulator, profile }
    }

    /// A page that is linked and ready.
    pub(crate) async fn ready(options: &[&str]) -> Self {
        let mut session = Self::waiting(options).await;
        session.scan().await;
        session.page.until_ready().await;
        session
    }

    /// The phone scans what is on the screen.
    pub(crate) async fn scan(&mut self) {
        let qr = self.page.eval("client.qr()").await;
        let scan = json!({"qr": qr, "number": ANA, "name": "Ana"});
        self.simulator.post("/phones/scan", scan).await.done();
    }

    pub(crate) async fn fault(&self, fault: Value) {
        self.simulator.post("/faults", fault).await.done();
    }

    /// Closes the browser and opens another on the same profile.
    pub(crate) async fn restart(self) -> Self {
        let Self { page, simulator, profile } = self;
        page.close().await;
        let page = Chromium::open(&simulator, profile.path()).await;
        Self { page, simulator, profile }
    }

    /// The key of a message of ours to Bob, under his LID.
    pub(crate) async fn key_to_bob(&mut self, id: &str) -> String {
        let chat = self.page.eval(&format!("client.chatOf('{BOB}@c.us').then((chat) => String(chat.id))")).await;
        format!("true_{}_{id}", chat.as_str().unwrap())
    }

    /// Sends a text to Bob under an id of ours.
    pub(crate) async fn text(&mut self, id: &str, body: &str) -> Value {
        self.page.eval(&format!("client.text('{BOB}@c.us', '{id}', '{body}')")).await
    }
}
