//! `drover link` as a person sees it, on a terminal of its own (a pty): drawn, drawn anew, given back, whatever ends it. What
//! the daemon says is scripted here, so that each ending can be had; linking_in_the_terminal.rs has a real one.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::support::{qr::decode_terminal, wait_until};
use nix::{
    pty::{Winsize, openpty},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

/// Takes the alternate screen, and gives it back (xterm's 1049); the cursor is hidden meanwhile (25).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Where each frame begins.
const HOME: &str = "\x1b[H";
const LIMIT: Duration = Duration::from_secs(20);

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the scripted daemon says.
#[derive(Clone)]
struct Says {
    session: Value,
    qr: Value,
    /// The status of every answer.
    status: u16,
}

/// A daemon that says what the test wants.
struct Daemon {
    port: u16,
    says: Arc<Mutex<Says>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    fn start(status: &str, state: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let says = Says { session: session(status, state), qr: Value::Null, status: 200 };
        let daemon = Self { port, says: Arc::new(Mutex::new(says)), requests: Arc::default() };
        let (says, requests) = (Arc::clone(&daemon.says), Arc::clone(&daemon.requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &says, &requests);
            }
        });
        daemon
    }

    fn say(&self, session: Value, qr: Value) {
        *held(&self.says) = Says { session, qr, status: 200 };
    }

    fn link(&self, arguments: &[&str], size: (u16, u16)) -> Link {
        let (ws_col, ws_row) = size;
        let size = Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a pty");
        let stdio = |descriptor: &OwnedFd| Stdio::from(descriptor.try_clone().expect("a descriptor"));
        let child = Command::new(env!("CARGO_BIN_EXE_drover"))
            .args(["link", "shop"])
            .args(arguments)
            .env_clear()
            .current_dir(std::env::temp_dir())
            .env("DROVER_API_KEY", "a-key-of-this-test")
            .env("PORT", self.port.to_string())
            .stdin(Stdio::null())
            .stdout(stdio(&pty.slave))
            .stderr(Stdio::piped())
            .spawn()
            .expect("drover runs");
        drop(pty.slave);
        let screen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let written = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut terminal = File::from(pty.master);
            let mut part = [0; 4096];
            // Linux answers EIO when nobody holds the other end any more.
            while let Ok(length @ 1..) = terminal.read(&mut part) {
                held(&written).extend_from_slice(&part[..length]);
            }
        });
        Link { child, screen, reader: Some(reader) }
    }
}

fn answer(stream: &TcpStream, says: &Mutex<Says>, requests: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: Vec<String> =
        lines.take_while(|line| !line.is_empty()).map(|line| line.to_ascii_lowercase()).collect();
    assert!(headers.contains(&"x-api-key: a-key-of-this-test".to_owned()), "{headers:?}");
    // A connection that is closed with something unread is reset, and takes the answer with it.
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    reader.read_exact(&mut vec![0; length]).expect("the whole body");
    held(requests).push(request.trim_end_matches(" HTTP/1.1").to_owned());
    let says = held(says).clone();
    let (status, body) = match request.as_str() {
        _ if says.status != 200 => (says.status, json!({ "code": "unauthorized", "message": "the key is wrong" })),
        path if path.contains("/auth/qr") && says.qr.is_null() => {
            (422, json!({ "code": "wrong_state", "message": "there is no QR" }))
        }
        path if path.contains("/auth/") => (200, says.qr),
        _ => (200, says.session),
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} Any\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    let _gone = write!(&mut &*stream, "{head}\r\nconnection: close\r\n\r\n{body}");
}

fn session(status: &str, state: &str) -> Value {
    json!({
        "name": "shop", "status": status, "state": state, "desired": "running",
        "reason": { "code": "any", "message": "nobody scanned it" },
        "me": { "id": "15551234567@c.us", "pushName": "Ana" },
        "page": { "loadingPercent": null },
    })
}

fn code(value: &str, seq: u64) -> Value {
    json!({ "value": value, "seq": seq, "expiresAt": "2999-01-01T00:00:00.000Z" })
}

/// A `drover link` that runs on a terminal; killed when it is dropped.
struct Link {
    child: Child,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Link {
    fn screen(&self) -> String {
        String::from_utf8_lossy(&held(&self.screen)).into_owned()
    }

    /// What is to be seen now: the last frame that was drawn whole.
    fn frame(&self) -> String {
        let screen = self.screen();
        let whole = screen.rsplit_once("\x1b[J").map_or("", |(whole, _)| whole);
        whole.rsplit(HOME).next().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        wait_until(&format!("'{text}' on the screen"), LIMIT, || self.frame().contains(text).then_some(()));
    }

    /// Waits for its end; gives how it ended, and what it wrote to the terminal and to stderr.
    #[track_caller]
    fn end(mut self) -> (ExitStatus, String, String) {
        let status = wait_until("the end", LIMIT, || self.child.try_wait().expect("our child"));
        self.reader.take().map(JoinHandle::join);
        let mut errors = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut errors).expect("text");
        (status, self.screen(), errors)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Once taken, once given back, and what follows is on the screen of before.
#[track_caller]
fn was_given_back(screen: &str) -> String {
    assert_eq!((screen.matches(ENTER).count(), screen.matches(LEAVE).count()), (1, 1), "{screen:?}");
    screen.rsplit_once(LEAVE).map(|(_, after)| after.to_owned()).unwrap_or_default()
}

#[test]
fn each_code_is_drawn_in_place_of_the_one_before_until_the_phone_is_linked() {
    let daemon = Daemon::start("STARTING", "loading");
    let link = daemon.link(&[], (100, 50));
    link.shows("loading WhatsApp Web");
    for (seq, value) in [(1, "2@first,a,b,c,1"), (2, "2@second,a,b,c,1")] {
        daemon.say(session("SCAN_QR_CODE", "awaiting_scan"), code(value, seq));
        wait_until("the code on the screen", LIMIT, || {
            decode_terminal(&link.frame()).filter(|shown| shown == value).map(drop)
        });
        assert!(link.frame().contains("Linked devices"), "it says what to do: {}", link.frame());
        assert!(link.frame().contains("Valid for "), "it counts down: {}", link.frame());
    }
    daemon.say(session("STARTING", "syncing"), Value::Null);
    link.shows("chats are being synced");
    assert_eq!(decode_terminal(&link.frame()), None, "a code that was used is gone");
    daemon.say(session("WORKING", "ready"), Value::Null);
    let (status, screen, errors) = link.end();
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    assert_eq!(was_given_back(&screen).trim(), "linked as +15551234567 (Ana)");
}

#[test]
fn an_interrupted_link_gives_the_terminal_back() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let daemon = Daemon::start("SCAN_QR_CODE", "awaiting_scan");
        daemon.say(session("SCAN_QR_CODE", "awaiting_scan"), code("2@ref,a,b,c,1", 1));
        let link = daemon.link(&[], (100, 50));
        link.shows("Valid for ");
        kill(Pid::from_raw(link.child.id().cast_signed()), signal).expect("it runs");
        let (status, screen, errors) = link.end();
        assert_eq!(status.code(), Some(130), "{errors}");
        assert!(errors.starts_with("drover: interrupted"), "{errors}");
        assert_eq!(was_given_back(&screen), "");
    }
}

#[test]
fn a_session_that_stops_or_fails_ends_the_link_with_its_reason() {
    for (status, state, expected) in [
        ("FAILED", "failed", "drover: the session failed: nobody scanned it"),
        ("STOPPED", "stopped", "drover: the session stopped: nobody scanned it"),
    ] {
        let daemon = Daemon::start("SCAN_QR_CODE", "awaiting_scan");
        daemon.say(session("SCAN_QR_CODE", "awaiting_scan"), code("2@ref,a,b,c,1", 1));
        let link = daemon.link(&[], (100, 50));
        link.shows("Valid for ");
        daemon.say(session(status, state), Value::Null);
        let (ended, screen, errors) = link.end();
        assert_eq!(ended.code(), Some(1));
        assert_eq!(errors.trim(), expected);
        was_given_back(&screen);
    }
}

#[test]
fn a_session_that_rests_is_started() {
    let daemon = Daemon::start("STOPPED", "stopped");
    let link = daemon.link(&[], (100, 50));
    link.shows("starting");
    daemon.say(session("WORKING", "ready"), Value::Null);
    assert_eq!(link.end().0.code(), Some(0));
    let requests = held(&daemon.requests).clone();
    assert_eq!(requests[..2], ["GET /api/sessions/shop", "POST /api/sessions/shop/start"]);
}

#[test]
fn a_pairing_code_is_shown_instead_of_a_qr() {
    let daemon = Daemon::start("SCAN_QR_CODE", "awaiting_scan");
    daemon.say(session("SCAN_QR_CODE", "awaiting_scan"), json!({ "code": "ABCD-1234" }));
    let link = daemon.link(&["--code", "+1 555 123 4567"], (100, 50));
    link.shows("ABCD-1234");
    assert_eq!(decode_terminal(&link.frame()), None);
    daemon.say(session("WORKING", "ready"), Value::Null);
    assert_eq!(link.end().0.code(), Some(0));
    let asked = held(&daemon.requests).iter().filter(|line| line.contains("request-code")).count();
    assert_eq!(asked, 1, "a code that lives is not asked for again: it would be another one");
}

#[test]
fn a_window_that_is_too_small_is_told() {
    let daemon = Daemon::start("SCAN_QR_CODE", "awaiting_scan");
    daemon.say(session("SCAN_QR_CODE", "awaiting_scan"), code("2@ref,a,b,c,1", 1));
    let link = daemon.link(&[], (80, 10));
    link.shows("The window is too small");
    assert_eq!(decode_terminal(&link.frame()), None, "half a code cannot be scanned");
}

#[test]
fn a_key_that_is_wrong_has_an_exit_code_of_its_own() {
    let daemon = Daemon::start("WORKING", "ready");
    held(&daemon.says).status = 401;
    let (status, screen, errors) = daemon.link(&[], (100, 50)).end();
    assert_eq!((status.code(), errors.trim()), (Some(4), "drover: the key is wrong (unauthorized)"));
    was_given_back(&screen);
}
