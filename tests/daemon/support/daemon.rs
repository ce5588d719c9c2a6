//! One running daemon.

use std::{
    fs,
    path::PathBuf,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use super::{Client, Events, Home, Reply, log::Log, process, wait_until, wait_until_ok};

/// What a start may take on two busy cores: the private Redis, the database, the port.
const START: Duration = Duration::from_secs(30);
/// The promise: SIGTERM ends it all within 15 s.
const STOP: Duration = Duration::from_secs(15);

/// A daemon that runs; killed when it is dropped.
pub struct Drover<'home> {
    home: &'home Home,
    child: Child,
    log: Log,
    api: Client,
    has_ended: bool,
}

impl<'home> Drover<'home> {
    /// Starts it and waits until it answers. Use [`Home::start`].
    #[track_caller]
    pub(super) fn start(home: &'home Home, log_name: &str) -> Self {
        let mut drover = Self::launch(home, log_name);
        drover.serves();
        drover
    }

    /// Starts it, and waits for nothing. Use [`Home::launch`].
    #[track_caller]
    pub(super) fn launch(home: &'home Home, log_name: &str) -> Self {
        let log = home.log(log_name);
        let child = home
            .command(&["serve"])
            .stdout(log.stdio())
            .stderr(log.stdio())
            .spawn()
            .expect("drover's binary can be started");
        Self { home, child, log, api: Client::new("", None), has_ended: false }
    }

    /// Waits until it serves.
    #[track_caller]
    pub fn serves(&mut self) {
        let base = wait_until("drover says where it listens", START, || self.address());
        let key = fs::read_to_string(self.home.data().join("admin.key")).expect("the admin key is in its file");
        self.api = Client::new(&base, Some(key.trim()));
        wait_until("drover answers", START, || self.try_ping().then_some(()));
        self.home.look();
    }

    /// The address that it wrote.
    fn address(&mut self) -> Option<String> {
        const SCHEME: &str = "http://127.0.0.1:";
        let text = self.log.text();
        assert!(self.child.try_wait().expect("it is our child").is_none(), "drover ended:\n{text}");
        let digits: String = text
            .split(SCHEME)
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
            .find(|port| !port.is_empty() && port != "0")?;
        Some(format!("{SCHEME}{digits}"))
    }

    /// Whether it answers at all.
    pub fn try_ping(&self) -> bool {
        self.api.try_request("GET", "/ping", &[], None).is_ok_and(|reply| reply.status == 200)
    }

    /// Its API with the admin key.
    pub fn api(&self) -> &Client {
        &self.api
    }

    pub fn home(&self) -> &'home Home {
        self.home
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The most that was resident since [`Self::forget_peak`], in bytes.
    #[track_caller]
    pub fn peak_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Begins the peak anew (`proc_pid_clear_refs(5)`).
    #[track_caller]
    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("it is our child");
    }

    /// Follows its events from now on.
    pub fn events(&self) -> Events {
        Events::follow(&self.api, "/api/events", None)
    }

    // -- sessions --

    /// Creates a session and starts it.
    #[track_caller]
    pub fn create(&self, session: &str) -> Value {
        self.api.post("/api/sessions", &json!({"name": session})).expect(201)
    }

    /// Creates a session that rests: not even a message starts it.
    #[track_caller]
    pub fn create_stopped(&self, session: &str) {
        self.api.post("/api/sessions", &json!({"name": session, "start": false})).expect(201);
        self.order(session, "stop");
    }

    /// `start`, `stop`, `restart`, `logout`, `hibernate` or `wake`.
    #[track_caller]
    pub fn order(&self, session: &str, what: &str) -> Value {
        self.api.post(&format!("/api/sessions/{session}/{what}"), &Value::Null).expect(201)
    }

    /// What the API says of a session.
    #[track_caller]
    pub fn session(&self, session: &str) -> Value {
        self.api.get(&format!("/api/sessions/{session}")).expect(200)
    }

    /// Waits until a session has this WAHA status.
    #[track_caller]
    pub fn wait_status(&self, session: &str, status: &str, limit: Duration) -> Value {
        let view = wait_until_ok(&format!("{session} is {status}"), limit, || {
            let view = self.session(session);
            if view["status"] == status { Ok(view) } else { Err(view) }
        });
        self.home.look();
        view
    }

    /// The QR as `image` or `raw`, or why there is none.
    #[track_caller]
    pub fn qr(&self, session: &str, format: &str) -> Reply {
        self.api.get(&format!("/api/{session}/auth/qr?format={format}"))
    }

    // -- messages --

    /// Hands a text in; gives the answer.
    #[track_caller]
    pub fn send_text(&self, session: &str, chat: &str, text: &str) -> Value {
        self.api.post("/api/sendText", &json!({"session": session, "chatId": chat, "text": text})).expect(201)
    }

    /// What the API says of a message, by any form of its id.
    #[track_caller]
    pub fn message(&self, id: &str) -> Value {
        self.api.get(&format!("/api/messages/{id}")).expect(200)
    }

    /// Waits until a message has at least this ack.
    #[track_caller]
    pub fn wait_ack(&self, id: &str, ack: i64, limit: Duration) -> Value {
        wait_until_ok(&format!("message {id} has ack {ack}"), limit, || {
            let message = self.message(id);
            assert!(
                !matches!(message["state"].as_str(), Some("dead" | "expired" | "cancelled")),
                "it was given up: {message}"
            );
            if message["ack"].as_i64() >= Some(ack) { Ok(message) } else { Err(message) }
        })
    }

    /// Waits until a message is in this state.
    #[track_caller]
    pub fn wait_state(&self, id: &str, state: &str, limit: Duration) -> Value {
        wait_until_ok(&format!("message {id} is {state}"), limit, || {
            let message = self.message(id);
            if message["state"] == state { Ok(message) } else { Err(message) }
        })
    }

    // -- ends --

    /// SIGTERM; it must end within its 15 s, with exit code 0. Gives how long it took.
    #[track_caller]
    pub fn stop(self) -> Duration {
        self.terminate().finish()
    }

    /// SIGTERM, without waiting.
    pub fn terminate(self) -> Ending<'home> {
        self.home.look();
        kill(Pid::from_raw(self.pid()), Signal::SIGTERM).expect("it runs");
        Ending { began: Instant::now(), drover: self }
    }

    /// Waits until it ended by itself with this code.
    #[track_caller]
    pub fn ended(mut self, code: i32, limit: Duration) {
        let status = wait_until("drover ended", limit, || self.child.try_wait().expect("it is our child"));
        self.has_ended = true;
        assert_eq!(status.code(), Some(code), "{status}:\n{}", self.log.text());
    }

    /// kill -9 of the daemon alone, as a crash would be. Its browsers and its Redis live on.
    #[track_caller]
    pub fn crash(mut self) {
        self.home.look();
        kill(Pid::from_raw(self.pid()), Signal::SIGKILL).expect("it runs");
        self.child.wait().expect("it is our child");
        self.has_ended = true;
        // SQLite takes the name of a temporary file away as soon as the file is open; killed between the two, it left it.
        let is_of_sqlite =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("etilqs_"));
        for file in self.home.temporary_files().into_iter().filter(is_of_sqlite) {
            fs::remove_file(&file).expect("nobody uses it any more");
        }
    }

    /// Waits until no child of it is a zombie: it reaps what it started.
    #[track_caller]
    pub fn wait_no_zombies(&self) {
        const LIMIT: Duration = Duration::from_secs(5);
        wait_until_ok("drover has reaped its children", LIMIT, || {
            let zombies = process::zombies_of(self.pid());
            if zombies.is_empty() { Ok(()) } else { Err(zombies) }
        });
    }
}

impl Drop for Drover<'_> {
    fn drop(&mut self) {
        if self.has_ended {
            if thread::panicking() {
                self.log.print_tail("drover (ended)");
            }
            return;
        }
        self.home.end_everything();
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
        if thread::panicking() {
            self.log.print_tail("drover");
        }
    }
}

/// A daemon that was told to end.
pub struct Ending<'home> {
    drover: Drover<'home>,
    began: Instant,
}

impl Ending<'_> {
    /// Whether the API still takes requests.
    pub fn answers(&self) -> bool {
        self.drover.try_ping()
    }

    /// Whether the process is still there.
    pub fn runs(&mut self) -> bool {
        self.drover.child.try_wait().expect("it is our child").is_none()
    }

    /// The same signal once more.
    pub fn terminate_again(&self) {
        kill(Pid::from_raw(self.drover.pid()), Signal::SIGTERM).expect("it runs");
    }

    /// Its log.
    pub fn log(&self) -> &Log {
        &self.drover.log
    }

    /// Since the signal.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits for the end, within the promised time and with exit code 0.
    #[track_caller]
    pub fn finish(mut self) -> Duration {
        let status = wait_until("drover ended after SIGTERM", STOP.saturating_sub(self.began.elapsed()), || {
            self.drover.child.try_wait().expect("it is our child")
        });
        self.drover.has_ended = true;
        let took = self.began.elapsed();
        assert_eq!(status.code(), Some(0), "exit code after SIGTERM ({status}):\n{}", self.drover.log.text());
        took
    }
}
