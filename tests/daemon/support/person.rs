//! A person at the dashboard: a browser of their own, driven through its debugging port. What they see is read from the page; keys and
//! clicks go through Chromium's input, as from a keyboard and a mouse.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Client, DevTools, wait_until, wait_until_ok};

/// What starting a browser may take, on two cores that other tests use too.
const START: Duration = Duration::from_secs(30);
/// What a page may take until it shows something.
const SOON: Duration = Duration::from_secs(20);
const NAMES: [&str; 5] =
    ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser with one page open; ended when it is dropped.
pub struct Person {
    browser: Child,
    page: DevTools,
    base: String,
    _profile: TempDir,
}

impl Person {
    /// Opens a browser that prefers these languages (as in `Accept-Language`).
    #[track_caller]
    pub fn arrive(base: &str, languages: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("p-").tempdir().expect("the machine has a temporary folder");
        let mut command = Command::new(executable());
        command
            .args(["--headless", "--no-sandbox", "--remote-debugging-port=0", "--disable-gpu", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let browser = command.spawn().expect("Chromium can be started");
        let url = wait_until("a person's browser tells its page's address", START, || {
            let text = fs::read_to_string(profile.path().join("DevToolsActivePort")).ok()?;
            let browser = Client::new(&format!("http://127.0.0.1:{}", text.lines().next()?), None);
            let body = browser.try_request("GET", "/json/list", &[], None).ok()?.body;
            let targets: Value = serde_json::from_slice(&body).ok()?;
            let page = targets.as_array()?.iter().find(|target| target["type"] == "page")?;
            page["webSocketDebuggerUrl"].as_str().map(str::to_owned)
        });
        let mut page = DevTools::connect(&url);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.ask(&format!("{domain}.enable"), &json!({}));
        }
        let headers = json!({ "headers": { "Accept-Language": languages } });
        page.ask("Network.setExtraHTTPHeaders", &headers);
        Self { browser, page, base: base.to_owned(), _profile: profile }
    }

    /// Opens a page of drover.
    #[track_caller]
    pub fn open(&mut self, path: &str) {
        self.page.ask("Page.navigate", &json!({ "url": format!("{}{path}", self.base) }));
        self.wait(&format!("{path} is there"), "document.readyState === 'complete'");
    }

    /// Opens a page as a browser does that has nothing of it yet; after how many milliseconds something was seen.
    #[track_caller]
    pub fn first_paint_ms(&mut self, path: &str) -> f64 {
        self.page.ask("Network.clearBrowserCache", &json!({}));
        self.open(path);
        let script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
        self.wait("something is painted", script);
        self.read(script).as_f64().expect("milliseconds")
    }

    /// Signs in with a key.
    #[track_caller]
    pub fn sign_in(&mut self, key: &str) {
        self.open("/dashboard/sign-in");
        self.write("#key", key);
        self.press("Enter");
        self.wait("they are signed in", "!location.pathname.endsWith('sign-in') && document.readyState === 'complete'");
    }

    /// What a script in the page says.
    #[track_caller]
    pub fn read(&mut self, script: &str) -> Value {
        self.page.run(script)
    }

    /// Waits until a condition holds in the page.
    #[track_caller]
    pub fn wait(&mut self, what: &str, condition: &str) {
        self.wait_long(what, condition, SOON);
    }

    /// As [`Self::wait`], for what takes longer than a page.
    #[track_caller]
    pub fn wait_long(&mut self, what: &str, condition: &str, limit: Duration) {
        wait_until_ok(what, limit, || {
            if self.glance(&format!("Boolean({condition})")) == true {
                return Ok(());
            }
            let text = self.glance("document.body && document.body.innerText");
            Err(text.as_str().unwrap_or_default().chars().take(600).collect::<String>())
        });
    }

    /// What a script says, or nothing while the page goes to another address.
    #[track_caller]
    fn glance(&mut self, script: &str) -> Value {
        let parameters = json!({ "expression": script, "returnByValue": true });
        let answer = self.page.try_ask("Runtime.evaluate", &parameters).unwrap_or_default();
        answer["result"]["value"].clone()
    }

    /// The text of an element.
    #[track_caller]
    pub fn text(&mut self, selector: &str) -> String {
        let text = self.read(&format!("document.querySelector({}).innerText", json!(selector)));
        text.as_str().unwrap_or_else(|| panic!("nothing is at {selector}")).to_owned()
    }

    /// Clicks on an element with the mouse.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let script = format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()",
            json!(selector)
        );
        let at = self.read(&script);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.page.ask("Input.dispatchMouseEvent", &event);
        }
    }

    /// Writes into a field.
    #[track_caller]
    pub fn write(&mut self, selector: &str, text: &str) {
        self.wait(&format!("{selector} is there"), &format!("document.querySelector({})", json!(selector)));
        self.read(&format!("document.querySelector({}).focus()", json!(selector)));
        self.page.ask("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key: `Tab`, `Enter`, `Escape` or a space.
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            " " => ("Space", 32, " "),
            other => panic!("nobody taught how to press {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event =
                json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text });
            self.page.ask("Input.dispatchKeyEvent", &event);
        }
    }

    /// Goes on with the Tab key until an element has the focus.
    #[track_caller]
    pub fn tab_to(&mut self, selector: &str) {
        for _ in 0..60 {
            self.press("Tab");
            if self.read(&format!("document.activeElement.matches({})", json!(selector))) == true {
                return;
            }
        }
        panic!("60 presses of Tab do not lead to {selector}");
    }

    /// The page as a picture, so many pixels wide.
    #[track_caller]
    pub fn picture(&mut self, look: Look) -> Vec<u8> {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let Look { width, height, is_dark } = look;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.page.ask("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.page.ask("Emulation.setEmulatedMedia", &media);
        let taken = self.page.ask("Page.captureScreenshot", &json!({ "format": "png" }));
        BASE64_STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("base64")
    }

    /// Every width at which the page is wider than its window, or something in it is cut off at the right, of those given.
    #[track_caller]
    pub fn too_wide_at(&mut self, widths: &[u32]) -> Vec<u32> {
        let mut wide = Vec::new();
        for width in widths {
            self.picture(Look { width: *width, height: 844, is_dark: false });
            // A phone's innerWidth grows with what is too wide. The heads of tables are there for screen readers alone.
            let script = format!(
                "document.documentElement.scrollWidth > {width} || [...document.querySelectorAll('main :not(:has(*))')].some(one => \
                 !one.closest('thead, .unseen, pre, svg') && one.checkVisibility() && one.getBoundingClientRect().right > {width})"
            );
            if self.read(&script) == true {
                wide.push(*width);
            }
        }
        wide
    }

    /// Scripts that failed, policies that were broken, and whatever else the console shows. Answers that are errors are none: a page
    /// may ask for what is not there.
    pub fn complaints(&mut self) -> Vec<Value> {
        // Whatever came before this answer is heard by then.
        self.read("0");
        let is_bad = |note: &&Value| match note["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
            Some("Log.entryAdded") => {
                let entry = &note["params"]["entry"];
                entry["source"] != "network" && matches!(entry["level"].as_str(), Some("error" | "warning"))
            }
            _ => false,
        };
        self.page.heard().iter().filter(is_bad).cloned().collect()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _killed = killpg(Pid::from_raw(self.browser.id().cast_signed()), Signal::SIGKILL);
        let _reaped = self.browser.wait();
    }
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Whether the person likes it dark.
    pub is_dark: bool,
}

fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("DROVER_CHROMIUM") {
        return path.into();
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|path| path.is_file()).expect("there is a Chromium on this machine")
}
