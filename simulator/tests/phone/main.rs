//! The page with a phone to hold, in a real Chromium, beside the simulated WhatsApp Web in another one.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

#[expect(dead_code, reason = "shared with the page's tests, which need more of it")]
#[path = "../page/chromium.rs"]
mod chromium;
#[expect(dead_code, reason = "shared with the server's tests, which need more of it")]
#[path = "../simulator/support/process.rs"]
mod process;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chromium::{Chromium, until};
use crate::process::Simulator;

const ANA: &str = "15551230000";
const BOB: &str = "15557770000";

/// A desk with phones in one browser.
struct Desk {
    browser: Chromium,
    simulator: Simulator,
    _profile: TempDir,
}

impl Desk {
    async fn open() -> Self {
        let simulator = Simulator::start(&[]);
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Chromium::open(&simulator, profile.path()).await;
        browser.until("Boolean(window.Debug?.VERSION)").await;
        browser.call("Page.navigate", json!({"url": format!("http://{}/", simulator.http)})).await;
        browser.until("document.title.startsWith('Phones') && Boolean(document.querySelector('#desk > *'))").await;
        until("WhatsApp Web is left", async || (simulator.stat("sockets").await == 0).then_some(())).await;
        Self { browser, simulator, _profile: profile }
    }

    /// Takes a phone in the hand, by the dialog.
    async fn take(&mut self, name: &str, number: &str) {
        self.click("document.getElementById('add')").await;
        let form = "document.querySelector('dialog[open] form')";
        self.browser.until(&format!("Boolean({form})")).await;
        self.browser.eval(&format!("{form}.elements.name.value = '{name}'")).await;
        self.browser.eval(&format!("{form}.elements.number.value = '+{number}'")).await;
        self.click(&format!("{form}.querySelector('[type=submit]')")).await;
        self.browser.until(&format!("Boolean({})", of(number, ".bar"))).await;
    }

    /// Clicks once it is there.
    async fn click(&mut self, element: &str) {
        self.browser.until(&format!("Boolean({element})")).await;
        self.browser.eval(&format!("{element}.click()")).await;
    }

    async fn until_text(&mut self, element: &str, text: &str) {
        self.browser.until(&format!("{element}?.textContent.includes('{text}') ?? false")).await;
    }

    /// Writes a line in the open chat of a phone.
    async fn write(&mut self, number: &str, text: &str) {
        let line = of(number, ".composer input:not([type=file])");
        self.browser.until(&format!("Boolean({line})")).await;
        self.browser.eval(&format!("{line}.value = '{text}'")).await;
        self.browser.eval(&format!("{}.requestSubmit()", of(number, ".composer"))).await;
    }

    async fn chat(&self, number: &str, with: &str) -> Vec<Value> {
        let answer = self.simulator.get(&format!("/phones/{number}/chats/{with}")).await.done();
        answer.as_array().unwrap().clone()
    }
}

/// An element inside a phone.
fn of(number: &str, selector: &str) -> String {
    format!("document.querySelector('.phone[data-number=\"{number}\"] {selector}')")
}

/// A button inside a phone, by what is on it.
fn button(number: &str, label: &str) -> String {
    let all = format!("document.querySelectorAll('.phone[data-number=\"{number}\"] button')");
    format!("[...{all}].find((button) => `${{button.textContent}} ${{button.ariaLabel}}`.includes('{label}'))")
}

#[tokio::test]
async fn a_phone_scans_the_screen_and_unlinks() {
    let mut desk = Desk::open().await;
    desk.take("Ana", ANA).await;
    let profile = tempfile::tempdir().unwrap();
    let mut web = Chromium::open(&desk.simulator, profile.path()).await;
    desk.click(&button(ANA, "Scan the QR")).await;
    web.until_ready().await;
    desk.until_text(&of(ANA, ".devices"), "1 linked device").await;
    desk.click(&button(ANA, "Unlink")).await;
    desk.until_text(&of(ANA, ".devices"), "No linked device").await;
    web.until_state("UNPAIRED").await;
    desk.click(&button(ANA, "Scan the QR")).await;
    web.until_ready().await;
}

#[tokio::test]
async fn two_phones_write_answer_and_react() {
    let mut desk = Desk::open().await;
    desk.take("Ana", ANA).await;
    desk.take("Bob", BOB).await;
    let hello = json!({"to": BOB, "body": "hello Bob"});
    desk.simulator.post(&format!("/phones/{ANA}/send"), hello).await.done();
    desk.until_text(&of(BOB, ".chats i"), "1").await;
    desk.click(&of(BOB, ".line")).await;
    desk.until_text(&of(BOB, ".bubbles"), "hello Bob").await;
    until("it is read", async || (desk.chat(ANA, BOB).await[0]["ack"] == 3).then_some(())).await;
    desk.write(BOB, "hello Ana").await;
    desk.until_text(&of(ANA, ".line"), "hello Ana").await;
    desk.click(&of(BOB, ".bubble")).await;
    desk.click(&button(BOB, "❤️")).await;
    desk.until_text(&of(BOB, ".reactions"), "❤️").await;
    assert_eq!(desk.chat(ANA, BOB).await[0]["reactions"], json!(["❤️"]));
    desk.click(&of(BOB, ".own .bubble")).await;
    desk.click(&button(BOB, "Edit")).await;
    desk.write(BOB, "hello Ana!").await;
    desk.until_text(&of(ANA, ".line"), "hello Ana!").await;
    desk.click(&of(BOB, ".bubble")).await;
    desk.click(&button(BOB, "Reply")).await;
    desk.write(BOB, "as I said").await;
    desk.until_text(&of(BOB, "blockquote"), "hello Bob").await;
    desk.click(&of(BOB, ".own .bubble")).await;
    desk.click(&button(BOB, "Delete")).await;
    desk.until_text(&of(BOB, ".bubbles"), "This message was deleted").await;
}

#[tokio::test]
async fn a_phone_in_airplane_mode_says_so_and_gets_nothing() {
    let mut desk = Desk::open().await;
    desk.take("Ana", ANA).await;
    desk.take("Bob", BOB).await;
    desk.click(&button(BOB, "Switch airplane mode on")).await;
    desk.until_text(&of(BOB, ".status"), "no network").await;
    desk.simulator.post(&format!("/phones/{ANA}/send"), json!({"to": BOB, "body": "hello"})).await.done();
    desk.until_text(&of(ANA, ".line"), "hello").await;
    assert_eq!(desk.chat(BOB, ANA).await.len(), 0);
    desk.simulator
        .post(&format!("/phones/{ANA}/incoming"), json!({"from": BOB, "body": "x"}))
        .await
        .refused(409, "airplane_mode");
    desk.click(&button(BOB, "Switch airplane mode off")).await;
    desk.until_text(&of(BOB, ".line"), "hello").await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let mut desk = Desk::open().await;
    desk.take("Ana", ANA).await;
    let code = of(ANA, ".code");
    desk.browser.until(&format!("Boolean({code})")).await;
    desk.browser.eval(&format!("{code}.elements.code.value = 'ABCD-1234'")).await;
    desk.browser.eval(&format!("{code}.requestSubmit()")).await;
    desk.until_text("document.getElementById('notice')", "not the pairing code").await;
}
